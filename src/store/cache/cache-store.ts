/**
 * A binary cache as a store, wherever its objects lie. What is in it is what its narinfos say: nothing is asked but
 * them, and their NARs when they are read. (Nix manual, "Binary cache store".)
 */
import { FerryError, messageOf } from '../../error.ts';
import {
  cacheInfoBytesMax,
  cacheInfoKey,
  cacheInfoType,
  formatCacheInfo,
  parseCacheInfo,
  type CacheInfo,
} from '../../format/cache-info.ts';
import { parseListing, type ListingNode } from '../../format/nar/listing.ts';
import { addToNarInfo, narInfoKey, narInfoType, type NarInfo } from '../../format/narinfo.ts';
import { sameContents, type PathInfo } from '../../format/path-info.ts';
import { isSignature } from '../../format/signature.ts';
import {
  hashPartLength,
  hashPartOf,
  isDerivation,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import { isNix32 } from '../../bytes/nix32.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type {
  AddOptions,
  CallOptions,
  ClosureOptions,
  NarStream,
  PathToAdd,
  Store,
  StoreFeature,
  SubstituterTraits,
  ValidPathsOptions,
} from '../store.ts';
import { addPathsToCache } from './add-paths.ts';
import { addBuildLog, readBuildLog } from './build-logs.ts';
import type { CacheContext, CacheWriting } from './cache-options.ts';
import { workConcurrently } from './concurrently.ts';
import { deletePaths } from './delete-paths.ts';
import type { DiskCache } from './disk-cache.ts';
import { NarInfos } from './narinfos.ts';
import type { Objects } from './objects.ts';
import { putText } from './put-text.ts';
import { readNars } from './read-nars.ts';
import { SpoolRoom } from './spool.ts';

export interface CacheStoreOptions {
  /** The store's to dispose from then on. */
  readonly objects: Objects;
  readonly storeDir: StoreDir;
  readonly workers: TreeWorkers;
  readonly writing: CacheWriting;
  /** Where NARs wait whose hash isn't known yet, if the cache has no place for that itself. */
  readonly temporaryDir: string;
  /** The store's to dispose from then on. */
  readonly disk?: DiskCache | undefined;
  /** Told of narinfos that are of no use, a line each. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/** Bytes of the longest listing that is read. */
const LISTING_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Asks for `nix-cache-info`, unless that is known. Where there is none, the cache is empty until something is added.
 * @throws FerryError `unsupported` for a cache of another store directory, `corrupt` for what is no cache; what the
 *   objects throw
 */
export async function openCacheStore(options: CacheStoreOptions): Promise<CacheStore> {
  const { objects, disk } = options;
  try {
    const known = disk?.cacheInfo;
    const info = known === undefined ? await fetchInfo(options) : parseCacheInfo(known);
    return new CacheStore(options, info);
  } catch (error) {
    await disk?.[Symbol.asyncDispose]();
    await objects[Symbol.asyncDispose]();
    throw error;
  }
}

async function fetchInfo(
  { objects, storeDir, disk }: CacheStoreOptions,
  signal?: AbortSignal,
): Promise<CacheInfo | undefined> {
  const bytes = await objects.read(cacheInfoKey, { bytesMax: cacheInfoBytesMax, signal });
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  let info: CacheInfo;
  try {
    info = parseCacheInfo(text);
  } catch (error) {
    const problem = `"${objects.uri}" is not a binary cache: cannot read its ${cacheInfoKey}: ${messageOf(error)}`;
    throw new FerryError('corrupt', problem, { store: objects.uri, cause: error });
  }
  if (info.storeDir !== undefined && info.storeDir !== storeDir) {
    const problem = `cannot use "${objects.uri}": its paths are in "${info.storeDir}", not in "${storeDir}"`;
    throw new FerryError('unsupported', problem, { store: objects.uri });
  }
  disk?.keepCacheInfo(text);
  return info;
}

export class CacheStore implements Store {
  readonly uri: string;
  readonly storeDir: StoreDir;
  readonly features: ReadonlySet<StoreFeature> = new Set([
    'write',
    'sign',
    'unordered',
    'trees',
  ] as const);
  /** Each NAR has a request of its own. */
  readonly readingsMax: number = 4;
  /** What the cache says of itself. */
  readonly substituter: SubstituterTraits;
  readonly queryAllValidPaths?: (options?: CallOptions) => Promise<StorePath[]>;
  readonly #options: CacheStoreOptions;
  readonly #context: CacheContext;
  readonly #room: SpoolRoom;
  readonly #closing = new AbortController();
  #exists: boolean;

  /** @param info what it says of itself, or undefined where it isn't there yet */
  constructor(options: CacheStoreOptions, info: CacheInfo | undefined) {
    const { objects, storeDir, disk, workers, writing, temporaryDir, onDiagnostic } = options;
    this.uri = objects.uri;
    this.storeDir = storeDir;
    this.substituter = {
      priority: info?.priority ?? 0,
      wantMassQuery: info?.wantMassQuery ?? false,
      isTrusted: false,
    };
    const onWarning = (message: string): void => onDiagnostic?.(`warning: ${message}`);
    const narInfos = new NarInfos({ objects, storeDir, disk, onWarning });
    this.#options = options;
    this.#context = { objects, storeDir, narInfos, workers, writing };
    this.#room = new SpoolRoom(objects.spoolDir ?? temporaryDir, objects.spoolDir !== undefined);
    this.#exists = info !== undefined;
    if (objects.list !== undefined) {
      this.queryAllValidPaths = async (call) => [...(await this.#queryAll(call)).keys()];
    }
  }

  /** Asks the cache itself, whatever earlier processes knew: who adds paths to it counts on what is said here. */
  async queryValidPaths(
    paths: Iterable<StorePath>,
    options: ValidPathsOptions = {},
  ): Promise<Set<StorePath>> {
    const signal = this.#begin(options);
    if (options.substitute === true) {
      throw new FerryError('unsupported', `"${this.uri}" can't do that: substitute`);
    }
    const { narInfos } = this.#context;
    return new Set((await narInfos.query(paths, { signal, isFresh: true })).keys());
  }

  async queryPathInfos(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    const signal = this.#begin(options);
    return infosOf(await this.#context.narInfos.query(paths, { signal }));
  }

  /** What it says of the files that the NARs are in, with the infos. */
  async queryNarInfos(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<ReadonlyMap<StorePath, NarInfo>> {
    return await this.#context.narInfos.query(paths, { signal: this.#begin(options) });
  }

  /** A cache doesn't know which outputs belong to a derivation, so there are none to be included. */
  async queryClosure(
    roots: Iterable<StorePath>,
    options: ClosureOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    const signal = this.#begin(options);
    await this.#requireCache(signal);
    const { narInfos } = this.#context;
    const closure = infosOf(await narInfos.closure(roots, { signal }));
    if (options.includeOutputs !== true) return closure;
    const asked = new Set<StorePath>();
    for (;;) {
      const drvs = [...closure.keys()].filter((path) => isDerivation(path) && !asked.has(path));
      for (const drv of drvs) asked.add(drv);
      const outputs = await this.queryOutputs(drvs, { signal });
      const missing = [...outputs.values()].flat().filter((path) => !closure.has(path));
      if (missing.length === 0) return closure;
      for (const [path, info] of infosOf(await narInfos.closure(missing, { signal }))) {
        closure.set(path, info);
      }
    }
  }

  /** It keeps no list of them: the derivations are read. */
  async queryOutputs(
    drvs: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<Map<StorePath, StorePath[]>> {
    const signal = this.#begin(options);
    const { readValidOutputs } = await import('../valid-outputs.ts');
    return await readValidOutputs(this, drvs, { signal });
  }

  /** The streams may be read at any time, several at once, or not at all. */
  async *readNars(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): AsyncGenerator<NarStream, void, undefined> {
    yield* readNars(this.#context, paths, this.#begin(options));
  }

  async addPaths(paths: AsyncIterable<PathToAdd>, options: AddOptions = {}): Promise<void> {
    const signal = this.#begin(options);
    await this.#ensureCache(signal);
    await addPathsToCache(this.#context, this.#room, paths, { ...options, signal });
  }

  /** The rest of a narinfo stays as it is, also what isn't understood here. */
  async addSignatures(
    signatures: ReadonlyMap<StorePath, readonly string[]>,
    options: CallOptions = {},
  ): Promise<void> {
    const { objects, writing, narInfos } = this.#context;
    const run = { max: objects.concurrency, signal: this.#begin(options) };
    await workConcurrently(signatures, run, async ([path, added], signal) => {
      const malformed = added.find((signature) => !isSignature(signature));
      if (malformed !== undefined) {
        throw new FerryError('corrupt', `"${malformed}" is not a signature`, { path });
      }
      // What was signed is what was told of it before, perhaps by an earlier process.
      const told = (await narInfos.get(path, { signal }))?.info;
      const now = await narInfos.readText(path, signal);
      if (now === undefined) throw narInfos.notFound(path);
      const { text, narInfo } = now;
      if (told !== undefined && !sameContents({ ...told, ca: narInfo.info.ca }, narInfo.info)) {
        const printed = printStorePath(this.storeDir, path);
        const problem = `cannot sign path "${printed}" in "${this.uri}": it has other contents than before`;
        throw new FerryError('conflict', problem, { path: printed, store: this.uri });
      }
      const signed = addToNarInfo(text, added);
      if (signed === text) return;
      const key = narInfoKey(hashPartOf(path));
      const { narInfo: encoding } = writing.encodings;
      await putText(objects, key, signed, { contentType: narInfoType, encoding, signal });
      narInfos.keepText(signed);
    });
  }

  async queryPathFromHashPart(
    hashPart: string,
    options: CallOptions = {},
  ): Promise<StorePath | undefined> {
    const signal = this.#begin(options);
    if (hashPart.length !== hashPartLength || !isNix32(hashPart)) {
      throw new FerryError('usage', `"${hashPart}" is not the hash part of a store path`);
    }
    return (await this.#context.narInfos.getByHashPart(hashPart, { signal }))?.info.path;
  }

  async readListing(path: StorePath, options: CallOptions = {}): Promise<ListingNode | undefined> {
    const signal = this.#begin(options);
    const key = `${hashPartOf(path)}.ls`;
    const { objects } = this.#context;
    const bytes = await objects.read(key, { bytesMax: LISTING_BYTES_MAX, signal });
    if (bytes === undefined) return undefined;
    try {
      return parseListing(Buffer.from(bytes).toString('utf8'));
    } catch (error) {
      throw new FerryError('corrupt', `cannot read "${this.uri}/${key}": ${messageOf(error)}`, {
        store: this.uri,
        cause: error,
      });
    }
  }

  async readBuildLog(
    drv: StorePath,
    options: CallOptions = {},
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    return await readBuildLog(this.#context.objects, drv, this.#begin(options));
  }

  async addBuildLog(
    drv: StorePath,
    log: AsyncIterable<Uint8Array>,
    options: CallOptions = {},
  ): Promise<void> {
    const signal = this.#begin(options);
    await this.#ensureCache(signal);
    const { objects, writing } = this.#context;
    const { log: encoding } = writing.encodings;
    await addBuildLog(objects, this.#room, { drv, log }, { encoding, signal });
  }

  /**
   * Removes paths, and their NARs where nothing else in the cache names them. What isn't there is fine.
   * @throws FerryError `conflict` when another path refers to one of them, `unsupported` where the cache can't be listed
   */
  async deletePaths(paths: Iterable<StorePath>, options: CallOptions = {}): Promise<void> {
    const signal = this.#begin(options);
    await deletePaths(this.#context, await this.#queryAll(options), paths, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new FerryError('internal', `"${this.uri}" is closed`));
    const { disk, objects } = this.#options;
    await disk?.[Symbol.asyncDispose]();
    await objects[Symbol.asyncDispose]();
  }

  async #queryAll(options: CallOptions = {}): Promise<Map<StorePath, NarInfo>> {
    const signal = this.#begin(options);
    const { objects, narInfos } = this.#context;
    if (objects.list === undefined) {
      throw new FerryError('unsupported', `cannot list the paths of "${this.uri}"`);
    }
    const hashParts: string[] = [];
    for await (const key of objects.list('', { signal })) {
      const hashPart = key.slice(0, hashPartLength);
      if (key === narInfoKey(hashPart) && isNix32(hashPart)) hashParts.push(hashPart);
    }
    const all = new Map<StorePath, NarInfo>();
    const run = { max: objects.concurrency, signal };
    await workConcurrently(hashParts, run, async (hashPart, signal) => {
      const narInfo = await narInfos.getByHashPart(hashPart, { signal, isFresh: true });
      if (narInfo !== undefined) all.set(narInfo.info.path, narInfo);
    });
    return all;
  }

  async #requireCache(signal: AbortSignal): Promise<void> {
    this.#exists ||= (await fetchInfo(this.#options, signal)) !== undefined;
    if (this.#exists) return;
    throw new FerryError('not-found', `"${this.uri}" is not a binary cache`, {
      store: this.uri,
      hint: `a binary cache has a file ${cacheInfoKey}`,
    });
  }

  /** Somebody else may have made it meanwhile, and said more of it. */
  async #ensureCache(signal: AbortSignal): Promise<void> {
    if (this.#exists) return;
    const { objects, storeDir } = this.#context;
    if ((await fetchInfo(this.#options, signal)) === undefined) {
      const text = formatCacheInfo({ storeDir });
      await putText(objects, cacheInfoKey, text, { contentType: cacheInfoType, signal });
      this.#options.disk?.keepCacheInfo(text);
    }
    this.#exists = true;
  }

  /** Every call begins so. The signal it gets is also aborted when the store is closed. */
  #begin({ signal }: CallOptions): AbortSignal {
    this.#closing.signal.throwIfAborted();
    signal?.throwIfAborted();
    return signal === undefined
      ? this.#closing.signal
      : AbortSignal.any([signal, this.#closing.signal]);
  }
}

function infosOf(narInfos: ReadonlyMap<StorePath, NarInfo>): Map<StorePath, PathInfo> {
  return new Map([...narInfos].map(([path, { info }]) => [path, info]));
}
