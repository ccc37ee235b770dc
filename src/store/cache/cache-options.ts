/** What a cache that is written to needs to know besides where it lies. */
import type { Compression } from '../../format/compression.ts';
import type { SecretKey } from '../../format/signature.ts';
import type { StoreDir } from '../../format/store-path.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { NarInfos } from './narinfos.ts';
import type { Objects } from './objects.ts';

export interface CacheWriting {
  /** Of NARs (`compression`). */
  readonly compression: Compression;
  /** Of NARs (`compression-level`); nothing is the default of the method. */
  readonly level?: number | undefined;
  /** Several processors for one NAR (`parallel-compression`); nothing is as the method has it. */
  readonly parallel?: boolean | undefined;
  /** All that is added is signed by each of these (`secret-key`, `secret-keys`). */
  readonly secretKeys: readonly SecretKey[];
  /** A `.ls` beside each narinfo (`write-nar-listing`). */
  readonly writesListing: boolean;
  /** `debuginfo/` for what has build ids (`index-debug-info`). */
  readonly indexesDebugInfo: boolean;
  /** Content-Encodings, for caches that are asked over HTTP (`narinfo-compression` and its relatives). */
  readonly encodings: {
    readonly narInfo?: Compression | undefined;
    readonly listing?: Compression | undefined;
    readonly log?: Compression | undefined;
  };
}

/** What adding to a cache works with. */
export interface CacheContext {
  readonly objects: Objects;
  readonly storeDir: StoreDir;
  readonly narInfos: NarInfos;
  readonly workers: TreeWorkers;
  readonly writing: CacheWriting;
}
