/** Binary caches for tests: in a directory, or over any objects, with threads that all of a test's stores share. */
import { defaultStoreDir } from '../../src/format/store-path.ts';
import type { CacheWriting } from '../../src/store/cache/cache-options.ts';
import {
  openCacheStore,
  type CacheStore,
  type CacheStoreOptions,
} from '../../src/store/cache/cache-store.ts';
import { openFileObjects } from '../../src/store/cache/file-objects.ts';
import { openTreeWorkers } from '../../src/system/threads/tree-workers.ts';
import type { TreeWorkers } from '../../src/system/tree-jobs.ts';
import { makeTempDirectory } from './temp.ts';

export type CacheOptions = Partial<Omit<CacheStoreOptions, 'writing'>> & {
  readonly writing?: Partial<CacheWriting>;
};

export interface CacheStores extends AsyncDisposable {
  readonly workers: TreeWorkers;
  /** Where NARs wait that don't wait in the cache itself: empty when nothing is under way. */
  readonly temporaryDir: string;
  /** The cache in a directory, as `file://DIRECTORY`, or over other objects where the options have them. */
  open(directory: string, options?: CacheOptions): Promise<CacheStore>;
}

/** Use as `await using caches = openCacheStores()`. Stores are the caller's to close, before this is. */
export function openCacheStores(): CacheStores {
  const workers = openTreeWorkers({ width: 2 });
  const temp = makeTempDirectory({ ram: true });
  return {
    workers,
    temporaryDir: temp.path,
    open: (directory, { writing, ...options } = {}) =>
      openCacheStore({
        objects: openFileObjects({ directory, indexDebugInfo: writing?.indexesDebugInfo }),
        storeDir: defaultStoreDir,
        workers,
        temporaryDir: temp.path,
        writing: {
          compression: 'zstd',
          secretKeys: [],
          writesListing: false,
          indexesDebugInfo: false,
          encodings: {},
          ...writing,
        },
        ...options,
      }),
    [Symbol.asyncDispose]: async () => {
      await workers[Symbol.asyncDispose]();
      temp[Symbol.dispose]();
    },
  };
}
