/**
 * The contract of a store. Sets in, sets out: no method asks about one path where callers have many, so that a store at
 * the end of a slow link can answer in one round trip. Whoever implements it passes `test/conformance/`.
 *
 * What callers may rely on:
 * - A method may be called any number of times; queries may run at the same time as a transfer.
 * - Asking for what `features` doesn't have throws `unsupported` before any work.
 * - An aborted `signal` makes the call reject with `signal.reason` within a second, and leaves nothing half done.
 * - Disposing twice is fine; every call after it throws.
 */
import type { ByteReader } from '../bytes/byte-reader.ts';
import type { FerryError } from '../error.ts';
import type { Compression } from '../format/compression.ts';
import type { ContentAddressMethod } from '../format/content-address.ts';
import type { Hash, HashAlgorithm } from '../format/hash.ts';
import type { ListingNode } from '../format/nar/listing.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { ReferenceGraph } from '../format/reference-graph.ts';
import type { StoreDir, StorePath } from '../format/store-path.ts';
import type { NarFile } from '../system/tree-jobs.ts';

export type StoreFeature =
  /** `addPaths` */
  | 'write'
  /** `addSignatures` */
  | 'sign'
  /** `queryValidPaths` with `substitute` */
  | 'substitute'
  /** `queryValidPaths` with `hold` protects what it found from garbage collection until the store is disposed. */
  | 'hold'
  /** It verifies signatures by itself when paths are added, `refuses` tells in advance. */
  | 'trust'
  /** `addPaths` takes paths in any order, and is done soonest when the large ones come first. */
  | 'unordered'
  /** `addPaths` takes the `tree` of a stream where it has one, or what is `compressed`, on threads of its own. */
  | 'trees';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ValidPathsOptions extends CallOptions {
  /** Let the store first fetch what it lacks from its own substituters. */
  readonly substitute?: boolean | undefined;
  /** Protect them from the garbage collector for as long as this store is open, valid or not. */
  readonly hold?: boolean | undefined;
}

export interface ClosureOptions extends CallOptions {
  /** With the valid outputs of every derivation in it, transitively. */
  readonly includeOutputs?: boolean | undefined;
}

/** The NAR of a valid path. Each chunk is the reader's: to keep, or to give its memory back (`bytes/release.ts`). */
export interface NarStream extends AsyncIterable<Uint8Array> {
  readonly path: StorePath;
  /**
   * Where the tree itself lies on this machine's file system, if it does: who has threads may pack it there, and never
   * iterates this.
   */
  readonly tree?: string | undefined;
  /** Whether it may be read at any time, alongside the others, or not at all. One with a `tree` always may. */
  readonly isIndependent?: boolean | undefined;
  /** The same as it comes out of a cache: who has threads may decompress it there, and then never iterates this. */
  readonly compressed?: CompressedStream | undefined;
}

/** A NAR that is compressed; it may be read at any time. */
export interface CompressedStream {
  readonly compression: Compression;
  /** To be called once. What is longer than its NAR should be, or of other contents, is for the caller to find out. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
  /** The same in a file on this machine, if it is one that a thread can read by itself: `bytes` isn't called then. */
  readonly file?: NarFile | undefined;
  /** Says of an error that came up while it was decompressed where it was read. */
  readonly describe: (error: FerryError) => FerryError;
}

/** A path to be added: its info and its contents. */
export interface PathToAdd {
  readonly info: PathInfo;
  readonly nar: NarStream;
}

export interface AddOptions extends CallOptions {
  /** Whether signatures are required where the store's settings require them. Default true. */
  readonly checkSigs?: boolean | undefined;
  /**
   * Signatures must arrive with the paths: a store that would lose them throws `unsupported` before it takes anything.
   * Default false.
   */
  readonly keepSignatures?: boolean | undefined;
  /**
   * Paths that need not be here though others refer to them: a binary cache is not asked for what another one has. Of
   * stores other than caches every path's references must be valid, whatever this says.
   */
  readonly referencesElsewhere?: ReadonlySet<StorePath> | undefined;
  /** Called when a path has become valid (or was found to be valid meanwhile). */
  readonly onAdded?: ((path: StorePath) => void) | undefined;
  /** Called as contents are taken in: bytes of NAR since the last call for that path. */
  readonly onBytes?: ((path: StorePath, bytes: number) => void) | undefined;
  /**
   * What to do about a path that can't be added: by default the error ends the whole call. With a handler the others
   * go on, but for those that refer to it.
   */
  readonly onFailed?: ((path: StorePath, error: unknown) => void) | undefined;
}

export interface ImportOptions extends CallOptions {
  /** Called for each path in the order of the stream, once it is valid. */
  readonly onImported?: ((path: StorePath, result: ImportResult) => void) | undefined;
  /** Bytes of NAR taken in since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface ImportResult {
  /** It was there already, and what came was dropped, whatever it was. Only where the store can tell. */
  readonly wasValid: boolean;
  /** Bytes of NAR that were added. */
  readonly narSize: number;
}

/** Why a store would not take a path, known before its bytes are sent. */
export interface Refusal {
  readonly path: StorePath;
  readonly reason: string;
  readonly hint?: string | undefined;
}

/** How much room a store has. */
export interface FreeSpace {
  readonly bytes: number;
  /** Files that can still be made, where the file system has such a limit. */
  readonly files?: number | undefined;
}

/** What a store says of itself to those who look for a path in several. */
export interface SubstituterTraits {
  /** Lower is asked first. */
  readonly priority: number;
  /** Whether it may be asked about many paths that it perhaps doesn't have. */
  readonly wantMassQuery: boolean;
  /** Whether what it has needs no signature (`?trusted=1`). */
  readonly isTrusted: boolean;
}

/** Whether a path still is what it was when it was added. */
export type ContentsResult = { readonly path: StorePath } & (
  | { readonly state: 'whole' | 'not-valid' | 'disappeared' }
  /** `got` is absent where the contents are no archive of that size at all; `error` then says what they are. */
  | {
      readonly state: 'modified';
      readonly expected: Hash;
      readonly got?: Hash | undefined;
      readonly error?: unknown;
    }
  /** It couldn't be read. */
  | { readonly state: 'failed'; readonly error: unknown }
);

export interface VerifyContentsOptions extends CallOptions {
  /** Hash everything; else only look whether it is there. */
  readonly checkContents?: boolean | undefined;
  /** Called once for each path, as it is known, in no particular order. */
  readonly onResult: (result: ContentsResult) => void;
  /** Called as contents are hashed: bytes since the last call for that path. */
  readonly onBytes?: ((path: StorePath, bytes: number) => void) | undefined;
}

export interface Store extends AsyncDisposable {
  /** How messages name it: its URI without secrets. */
  readonly uri: string;
  readonly storeDir: StoreDir;
  readonly features: ReadonlySet<StoreFeature>;

  /** The valid ones among `paths`. */
  queryValidPaths(paths: Iterable<StorePath>, options?: ValidPathsOptions): Promise<Set<StorePath>>;

  /** Infos of the valid ones among `paths`; what is absent is not valid. */
  queryPathInfos(
    paths: Iterable<StorePath>,
    options?: CallOptions,
  ): Promise<Map<StorePath, PathInfo>>;

  /**
   * The closure of `roots` with the infos of all of it, where the far end can tell it at once. Callers use
   * `copy/closure.ts`, which knows how to do without.
   * @throws FerryError `not-found` naming the first root that is not valid.
   */
  queryClosure?(
    roots: Iterable<StorePath>,
    options?: ClosureOptions,
  ): Promise<Map<StorePath, PathInfo>>;

  /**
   * The closure of `roots` without infos, where that costs less. Callers use `copy/reference-graph.ts`, which knows how
   * to do without.
   * @throws FerryError `not-found` naming the first root that is not valid.
   */
  queryReferenceGraph?(
    roots: Iterable<StorePath>,
    options?: ClosureOptions,
  ): Promise<ReferenceGraph>;

  /**
   * The valid outputs of derivations: what `--include-outputs` adds.
   * Derivations that aren't valid or have no valid outputs give none.
   */
  queryOutputs?(
    drvs: Iterable<StorePath>,
    options?: CallOptions,
  ): Promise<Map<StorePath, StorePath[]>>;

  /**
   * The NARs of valid paths, in the order asked for. A stream must be used up, or closed by breaking out of it, before
   * the next one is taken, except where `tree` is used: that needs no reading. Requests may run ahead.
   * @throws FerryError `not-found` when a path is not valid.
   */
  readNars(paths: Iterable<StorePath>, options?: CallOptions): AsyncIterable<NarStream>;

  /**
   * Adds paths, each after all that it refers to. A path is valid only after its NAR had the hash and size of its info;
   * what is valid already is skipped. On an error, what was added before stays and what was begun is gone.
   */
  addPaths?(paths: AsyncIterable<PathToAdd>, options?: AddOptions): Promise<void>;

  /**
   * Adds the paths of an export stream (`wire/export-stream.ts`), where the store can do so better than by being told of
   * each what it is called and which hash it has. Signatures are not asked for: a stream has none. On an error, paths
   * before stay and of those after it nothing is left. Callers use `copy/import-paths.ts`, which knows how to do without.
   */
  importPaths?(reader: ByteReader, options?: ImportOptions): Promise<void>;

  /** Adds signatures to valid paths; those that they have already are no error. */
  addSignatures?(
    signatures: ReadonlyMap<StorePath, readonly string[]>,
    options?: CallOptions,
  ): Promise<void>;

  /**
   * Looks whether what the store knows of paths still holds for their contents, where it can do so better than by
   * handing out their NARs. Changes nothing. Callers use `copy/verify.ts`, which knows how to do without.
   */
  verifyPaths?(paths: Iterable<StorePath>, options: VerifyContentsOptions): Promise<void>;

  /** What of these `addPaths` would refuse for lack of trust, and why; only stores with the feature `trust`. */
  refuses?(infos: Iterable<PathInfo>): Refusal[];

  /** All valid paths, where the store can list them. */
  queryAllValidPaths?(options?: CallOptions): Promise<StorePath[]>;

  /** The valid path with this hash part. @throws FerryError `usage` for what is no hash part. */
  queryPathFromHashPart?(hashPart: string, options?: CallOptions): Promise<StorePath | undefined>;

  /** The files in a path without its contents, where the store keeps such lists; undefined where it has none of it. */
  readListing?(path: StorePath, options?: CallOptions): Promise<ListingNode | undefined>;

  /** The log of the build of a derivation, uncompressed; undefined where there is none. */
  readBuildLog?(
    drv: StorePath,
    options?: CallOptions,
  ): Promise<AsyncIterable<Uint8Array> | undefined>;

  /** Keeps the log of the build of a derivation. */
  addBuildLog?(
    drv: StorePath,
    log: AsyncIterable<Uint8Array>,
    options?: CallOptions,
  ): Promise<void>;

  /**
   * How many iterations of `readNars` may be under way at the same time without one that isn't taken on holding up the
   * others. A store that doesn't say answers them one after the other.
   */
  readonly readingsMax?: number | undefined;

  /** How it wants to be used as a substituter; the defaults of Nix where it doesn't say. */
  readonly substituter?: SubstituterTraits | undefined;

  /** Room for new paths, where it can be known. */
  freeSpace?(options?: CallOptions): Promise<FreeSpace | undefined>;
}

/** Contents that are named by their hash when they are added. */
export interface ContentToAdd {
  readonly name: string;
  readonly method: ContentAddressMethod;
  readonly algorithm: HashAlgorithm;
  readonly references?: Iterable<StorePath> | undefined;
}
