/** What can be asked of a store behind a daemon besides what all stores can do. */
import type { StorePath } from '../../format/store-path.ts';
import type { BuildMode, KeyedBuildResult } from '../../wire/worker/build.ts';
import type { DerivedPath } from '../../wire/worker/derived-path.ts';
import type { GarbageAnswer, GarbageRequest, GarbageRoot } from '../../wire/worker/garbage.ts';
import type { MissingAnswer } from '../../wire/worker/substitutes.ts';
import type { VerifyStoreRequest } from '../../wire/worker/upkeep.ts';
import type { CallOptions, Store } from '../store.ts';

export interface BuildOptions extends CallOptions {
  readonly mode?: BuildMode | undefined;
}

export interface DaemonStore extends Store {
  /** The release of its Nix, as it says: `2.34.8`; older ones don't. */
  readonly release: string | undefined;
  /** Whether we may do everything there; undefined where it doesn't say. */
  readonly isTrusted: boolean | undefined;
  /** Whether the files of its store are those of this machine. */
  readonly isHere: boolean;
  queryAllValidPaths(options?: CallOptions): Promise<StorePath[]>;
  /** @throws FerryError `usage` for what is no hash part. */
  queryPathFromHashPart(hashPart: string, options?: CallOptions): Promise<StorePath | undefined>;
  /** Valid paths that refer to these, for each; itself among them where it does. */
  queryReferrers(
    paths: Iterable<StorePath>,
    options?: CallOptions,
  ): Promise<Map<StorePath, StorePath[]>>;
  /** Valid derivations that have these as outputs, for each. */
  queryDerivers(
    paths: Iterable<StorePath>,
    options?: CallOptions,
  ): Promise<Map<StorePath, StorePath[]>>;
  /**
   * Paths of the outputs of a valid derivation, by name, valid or not; one that its contents name is there once it is
   * built.
   * @throws FerryError `unsupported` for servers before 2.4
   */
  queryOutputMap(drv: StorePath, options?: CallOptions): Promise<Map<string, StorePath>>;
  /** What of the targets would have to be built, or fetched, to have them. */
  queryMissing(targets: Iterable<DerivedPath>, options?: CallOptions): Promise<MissingAnswer>;
  /** Fetches paths that aren't valid from the far end's substituters, with all that they refer to. */
  ensurePaths(paths: Iterable<StorePath>, options?: CallOptions): Promise<void>;
  /** @throws FerryError where one of them fails. */
  buildPaths(targets: Iterable<DerivedPath>, options?: BuildOptions): Promise<void>;
  /** The same, with the outcome for each: a failed build is no error. */
  buildPathsWithResults(
    targets: Iterable<DerivedPath>,
    options?: BuildOptions,
  ): Promise<readonly KeyedBuildResult[]>;
  /** Protects them from the garbage collector, valid or not, for as long as this store is open. */
  addTempRoots(paths: Iterable<StorePath>, options?: CallOptions): Promise<void>;
  /** Lets the daemon know of a symbolic link on its machine that leads to a store path: then it is a root. */
  addIndirectRoot(link: string, options?: CallOptions): Promise<void>;
  /**
   * Makes a symbolic link to a path and lets the daemon know of it; with a daemon on this machine.
   * @throws FerryError `unsupported` elsewhere, `not-found`, `conflict` where something else is there.
   */
  addRoot(link: string, path: StorePath, options?: CallOptions): Promise<void>;
  /** Has the daemon make a symbolic link to a path, which is a root. Only for who is trusted. */
  addPermanentRoot(link: string, path: StorePath, options?: CallOptions): Promise<void>;
  findRoots(options?: CallOptions): Promise<readonly GarbageRoot[]>;
  collectGarbage(request: GarbageRequest, options?: CallOptions): Promise<GarbageAnswer>;
  /** @throws FerryError `conflict` where one of them is needed, by a root or by what is not among them. */
  deletePaths(paths: Iterable<StorePath>, options?: CallOptions): Promise<GarbageAnswer>;
  /** Checks all there is. What is wrong is told as diagnostics. @returns whether anything still is. */
  verifyStore(request: VerifyStoreRequest, options?: CallOptions): Promise<boolean>;
  /** Lets equal files share their contents. */
  optimiseStore(options?: CallOptions): Promise<void>;
}
