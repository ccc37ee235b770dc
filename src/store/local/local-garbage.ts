/** What a local store does about garbage. Copies do without, so all of it is loaded when it is asked for. */
import type { StorePath } from '../../format/store-path.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { GarbageRoot } from '../../wire/worker/garbage.ts';
import type { CallOptions } from '../store.ts';
import type { AutoCollector, AutoCollectSettings } from './auto-collect.ts';
import type { Collected, CollectContext, CollectOptions } from './collect-garbage.ts';
import type { Measured } from './collect-garbage-measure.ts';
import type { KeepSettings } from './collect-garbage-liveness.ts';
import type { LivenessOptions, LivenessReport } from './collect-garbage-query.ts';
import type { ConnectionOptions, StoreConnection } from './connection.ts';
import type { Deleted, DeleteOptions } from './delete-paths.ts';
import { freeSpaceAt } from './free-space.ts';

export interface LocalGarbage {
  /** Database, roots, locks and profiles are here. */
  readonly stateDir: string;
  /** Deletes paths that nothing needs: neither roots nor what isn't among them. They need not be valid. */
  deletePaths(paths: Iterable<StorePath>, options?: DeleteOptions): Promise<Deleted>;
  /** Deletes all that nothing needs, as Nix does; others may use the store meanwhile. */
  collectGarbage(options: CollectOptions): Promise<Collected>;
  /** What `collectGarbage` would do, and why not more. Changes nothing. */
  queryLiveness(options: LivenessOptions): Promise<LivenessReport>;
  /** How much deleting things in the store directory would free, all of them together. */
  measureGarbage(names: Iterable<string>, options?: CallOptions): Promise<Map<string, Measured>>;
  /** What keeps valid paths from being collected, as Nix lists it, temporary roots among it. */
  findRoots(options?: CallOptions): Promise<readonly GarbageRoot[]>;
  /** What was asked for with `hold` is held on by the program that this process becomes, and by what that starts. */
  keepHoldsForNextProgram(options?: CallOptions): Promise<void>;
}

/** Settings about collecting garbage where the disk runs full. */
export interface AutoCollectOptions extends AutoCollectSettings, KeepSettings {
  /** A collection begins that is to free so many bytes. */
  readonly onBegin?: ((maxFreed: number) => void) | undefined;
}

interface GarbageOptions extends ConnectionOptions {
  readonly workers: TreeWorkers;
  readonly autoCollect?: AutoCollectOptions | undefined;
}

/** @param validOf which of some paths are valid */
export function localGarbage(
  options: GarbageOptions,
  connection: StoreConnection,
  validOf: (paths: Iterable<StorePath>, signal?: AbortSignal) => Promise<ReadonlySet<StorePath>>,
): LocalGarbage {
  const { storeDir, realDir, stateDir, workers, readOnly = false } = options;
  const contextFor = async (signal: AbortSignal | undefined): Promise<CollectContext> => {
    signal?.throwIfAborted();
    const store = await connection.forWriting(signal);
    return { storeDir, realDir, stateDir, workers, store };
  };
  return {
    stateDir,
    async deletePaths(paths, deleteOptions = {}) {
      const context = await contextFor(deleteOptions.signal);
      const { deletePaths } = await import('./delete-paths.ts');
      return await deletePaths(context, paths, deleteOptions);
    },
    async collectGarbage(collectOptions) {
      const context = await contextFor(collectOptions.signal);
      const { collectGarbage } = await import('./collect-garbage.ts');
      return await collectGarbage(context, collectOptions);
    },
    async queryLiveness(livenessOptions) {
      livenessOptions.signal?.throwIfAborted();
      const { queryLiveness } = await import('./collect-garbage-query.ts');
      return await queryLiveness(connection.forReading()?.db, options, livenessOptions);
    },
    async measureGarbage(names, callOptions) {
      callOptions?.signal?.throwIfAborted();
      const { measureGarbage } = await import('./collect-garbage-measure.ts');
      return await measureGarbage(realDir, names, callOptions);
    },
    async findRoots({ signal } = {}) {
      signal?.throwIfAborted();
      const { listRoots } = await import('./collect-garbage-query.ts');
      const valid = (paths: Iterable<StorePath>): ReturnType<typeof validOf> =>
        validOf(paths, signal);
      return await listRoots(options, valid, { signal, removeStale: !readOnly });
    },
    async keepHoldsForNextProgram({ signal } = {}) {
      const { tempRoots } = await connection.forWriting(signal);
      await tempRoots.keepForNextProgram();
    },
  };
}

export interface AutoCollection extends AsyncDisposable {
  /** Returns when there is as much room as can be had. */
  makeRoom(signal: AbortSignal): Promise<void>;
}

export function openAutoCollection(
  { realDir, autoCollect }: GarbageOptions,
  garbage: LocalGarbage,
): AutoCollection {
  let opened: Promise<AutoCollector> | undefined;
  const open = async (settings: AutoCollectOptions): Promise<AutoCollector> => {
    const { AutoCollector } = await import('./auto-collect.ts');
    const { keepOutputs, keepDerivations, onBegin } = settings;
    return new AutoCollector(settings, {
      freeBytes: () => freeSpaceAt(realDir).bytes,
      now: () => performance.now(),
      async collect(maxFreed, signal) {
        onBegin?.(maxFreed);
        await garbage.collectGarbage({ keepOutputs, keepDerivations, maxFreed, signal });
      },
    });
  };
  return {
    async makeRoom(signal) {
      if (autoCollect === undefined || autoCollect.minFree === 0) return;
      opened ??= open(autoCollect);
      await (await opened).makeRoom(signal);
    },
    async [Symbol.asyncDispose]() {
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}
