/** The store on this machine's own file system: `/nix/store` with its database, or one below another root. */
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { FerryError } from '../../error.ts';
import { hashPartLength, printStorePath, type StorePath } from '../../format/store-path.ts';
import { isNix32 } from '../../bytes/nix32.ts';
import type { PathInfo } from '../../format/path-info.ts';
import type { PathRegistration } from '../../format/registration.ts';
import { graphOfInfos } from '../../format/reference-graph.ts';
import { isSignature } from '../../format/signature.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import { readingsOnThreads } from '../readings.ts';
import type {
  CallOptions,
  ContentToAdd,
  NarStream,
  PathToAdd,
  Refusal,
  Store,
  StoreFeature,
  VerifyContentsOptions,
} from '../store.ts';
import { addContent } from './add-content.ts';
import { addPaths, type AddContext } from './add-paths.ts';
import { addRoot } from './add-root.ts';
import { connect, type ConnectionOptions } from './connection.ts';
import { makeDerivationReader } from './derivation-outputs.ts';
import { freeSpaceAt } from './free-space.ts';
import {
  localGarbage,
  openAutoCollection,
  type AutoCollectOptions,
  type LocalGarbage,
} from './local-garbage.ts';
import type { OptimiseOptions, Optimised } from './optimise-store.ts';
import type { StoreQueries } from './queries.ts';
import type { RepairOptions } from './repair-paths.ts';
import type { RegisterPathsOptions } from './register-paths.ts';
import { refusalOf, type TrustPolicy } from './trust.ts';
import type { VerifiedStore, VerifyStoreOptions } from './verify-store.ts';

export interface LocalStoreOptions extends ConnectionOptions, TrustPolicy {
  /** Lent: the store uses them, and leaves them open. */
  readonly workers: TreeWorkers;
  /** Setting `fsync-store-paths`: what was added outlasts a loss of power. Default false. */
  readonly syncStorePaths?: boolean | undefined;
  /** Setting `auto-optimise-store`: what is added shares the contents of equal files. Default false. */
  readonly autoOptimise?: boolean | undefined;
  /** Settings about collecting garbage where the disk runs full. By default nothing is done about that. */
  readonly autoCollect?: AutoCollectOptions | undefined;
  /** Paths whose locks are held already by the process that this one works for. */
  readonly heldLocks?: ReadonlySet<StorePath> | undefined;
}

export interface LocalContentToAdd extends ContentToAdd {
  /** Whether `references` are only candidates: those that the contents mention are the references. */
  readonly scan?: boolean | undefined;
}

/** A local store can do more than a far one. */
export interface LocalStore extends Store, LocalGarbage {
  /** Where a path lies on the file system. */
  toRealPath(path: StorePath): string;
  /** Where its database, roots and profiles are. */
  readonly stateDir: string;
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
  /** Copies a file tree in under the name that its contents give it. What is there already is left as it is. */
  addContent(tree: string, content: LocalContentToAdd, options?: CallOptions): Promise<PathInfo>;
  /**
   * Makes paths valid whose trees lie in the store already: all of them, in any order, or none.
   * @throws FerryError `not-found` for a reference that isn't valid then, or a tree that isn't there, where it is looked
   * at; `corrupt` for a cycle, or for a derivation that claims wrong outputs
   */
  registerPaths(
    registrations: Iterable<PathRegistration>,
    options?: RegisterPathsOptions,
  ): Promise<void>;
  /** Whether valid paths are still there and, if asked for, have the bytes that they had. Changes nothing. */
  verifyPaths(paths: Iterable<StorePath>, options: VerifyContentsOptions): Promise<void>;
  /** Checks all of the store, and puts in order what can be. */
  verifyStore(options?: VerifyStoreOptions): Promise<VerifiedStore>;
  /** Gives valid paths whose files are broken or gone new ones, with the hashes and sizes of the infos. */
  repairPaths(paths: AsyncIterable<PathToAdd>, options?: RepairOptions): Promise<void>;
  /**
   * Removes entries of `.links` that share the contents of files of these paths, and aren't what they should be.
   * @returns how many
   */
  removeDamagedLinks(paths: Iterable<StorePath>, options?: CallOptions): Promise<number>;
  /** Lets equal files share their contents. */
  optimise(options?: OptimiseOptions): Promise<Optimised>;
  /** Makes `link` a symbolic link to the path that keeps it from being collected as garbage for as long as it is there. */
  addRoot(link: string, path: StorePath, options?: CallOptions): Promise<void>;
}

/** Paths after which everything else gets its turn, an abort among it: that is a few dozen milliseconds. */
const AT_ONCE = 2000;

const READ_FEATURES: readonly StoreFeature[] = [];
const WRITE_FEATURES: readonly StoreFeature[] = ['write', 'sign', 'hold', 'trust', 'trees'];

/**
 * Opening reads nothing but whether there is a store. One that isn't there yet is made when something is first
 * written to it.
 * @throws FerryError `denied` below a symbolic link, `unsupported` for a database of another schema.
 */
export async function openLocalStore(options: LocalStoreOptions): Promise<LocalStore> {
  const { uri, storeDir, realDir, workers, readOnly = false } = options;
  const connection = connect(options);
  connection.forReading();
  const outputsOf = makeDerivationReader(storeDir, realDir);

  /** Asks the database; a store that isn't there gives what an empty one would. */
  const ask = async <T>(
    empty: T,
    question: (queries: StoreQueries) => T,
    { signal }: CallOptions = {},
  ): Promise<T> => {
    signal?.throwIfAborted();
    const readable = connection.forReading();
    if (readable === undefined) return empty;
    return readable.db.read(() => question(readable.queries), signal);
  };
  const askEach = async <T>(
    paths: Iterable<StorePath>,
    question: (queries: StoreQueries, path: StorePath) => T | undefined,
    callOptions?: CallOptions,
  ): Promise<Map<StorePath, T>> => {
    const asked = [...paths];
    const answers = new Map<StorePath, T>();
    const some = (queries: StoreQueries, from: number): void => {
      for (const path of asked.slice(from, from + AT_ONCE)) {
        const answer = question(queries, path);
        if (answer !== undefined) answers.set(path, answer);
      }
    };
    for (let from = 0; from < asked.length; from += AT_ONCE) {
      if (from > 0) await breathe();
      await ask(undefined, (queries) => some(queries, from), callOptions);
    }
    return answers;
  };
  const notValid = (path: StorePath): FerryError => {
    const printed = printStorePath(storeDir, path);
    return new FerryError('not-found', `path "${printed}" is not valid in "${uri}"`, {
      path: printed,
      store: uri,
    });
  };
  const addContext = async (signal: AbortSignal | undefined): Promise<AddContext> => ({
    storeDir,
    realDir,
    workers,
    syncStorePaths: options.syncStorePaths ?? false,
    autoOptimise: options.autoOptimise ?? false,
    store: await connection.forWriting(signal),
    trust: options,
    outputsOf,
    heldLocks: options.heldLocks ?? new Set(),
    makeRoom: (whenAborted) => autoCollection.makeRoom(whenAborted),
  });
  const toRealPath = (path: StorePath): string => join(realDir, path);

  const garbage = localGarbage(options, connection, (paths, signal) =>
    store.queryValidPaths(paths, { signal }),
  );
  const autoCollection = openAutoCollection(options, garbage);

  const store: LocalStore = {
    ...garbage,
    uri,
    storeDir,
    features: new Set(readOnly ? READ_FEATURES : WRITE_FEATURES),
    readingsMax: readingsOnThreads(workers),
    toRealPath,
    stateDir: options.stateDir,

    async queryValidPaths(paths, { substitute, hold, signal } = {}) {
      if (substitute === true) {
        throw new FerryError('unsupported', `"${uri}" can't fetch paths by itself`);
      }
      signal?.throwIfAborted();
      const asked = [...paths];
      // Held first: what is found valid then stays so. Of a store that isn't there nothing can be collected.
      if (hold === true && connection.forReading() !== undefined) {
        const { tempRoots } = await connection.forWriting(signal);
        await tempRoots.add(asked, signal);
      }
      return ask(new Set(), (queries) => new Set(asked.filter((path) => queries.isValid(path))), {
        signal,
      });
    },

    queryPathInfos: (paths, callOptions) =>
      askEach(paths, (queries, path) => queries.infoOf(path), callOptions),

    async queryClosure(roots, { includeOutputs = false, signal } = {}) {
      signal?.throwIfAborted();
      const asked = [...roots];
      const entries = await ask<Iterable<[StorePath, PathInfo]>>(
        [],
        (queries) => queries.closureOf(asked, includeOutputs),
        { signal },
      );
      const closure = new Map<StorePath, PathInfo>();
      for (const [path, info] of entries) {
        closure.set(path, info);
        if (closure.size % AT_ONCE > 0) continue;
        await breathe();
        signal?.throwIfAborted();
      }
      const invalid = asked.find((root) => !closure.has(root));
      if (invalid !== undefined) throw notValid(invalid);
      return closure;
    },

    async queryReferenceGraph(roots, { includeOutputs = false, signal } = {}) {
      signal?.throwIfAborted();
      const asked = [...roots];
      const readable = connection.forReading();
      if (readable === undefined) {
        if (asked[0] !== undefined) throw notValid(asked[0]);
        return graphOfInfos(new Map());
      }
      const { queryReferenceGraph } = await import('./reference-graph.ts');
      const { db, queries } = readable;
      return await db.read(() => {
        const invalid = asked.find((root) => !queries.isValid(root));
        if (invalid !== undefined) throw notValid(invalid);
        return queryReferenceGraph(db, asked, { storeDir, includeOutputs });
      }, signal);
    },

    queryOutputs: (drvs, callOptions) =>
      askEach(
        drvs,
        (queries, drv) => {
          const outputs = queries.outputsOf(drv);
          return outputs.length > 0 ? outputs : undefined;
        },
        callOptions,
      ),

    async *readNars(paths, { signal } = {}) {
      const asked = [...paths];
      const valid = await store.queryValidPaths(asked, { signal });
      const invalid = asked.find((path) => !valid.has(path));
      if (invalid !== undefined) throw notValid(invalid);
      for (const path of asked) {
        signal?.throwIfAborted();
        yield packedWhenRead(workers, path, toRealPath(path), signal);
      }
    },

    async addPaths(paths, addOptions = {}) {
      addOptions.signal?.throwIfAborted();
      await addPaths(await addContext(addOptions.signal), paths, addOptions);
    },

    async importPaths(reader, importOptions = {}) {
      importOptions.signal?.throwIfAborted();
      const context = await addContext(importOptions.signal);
      const { importPaths } = await import('./import-paths.ts');
      await importPaths(context, reader, importOptions);
    },

    async addSignatures(signatures, { signal } = {}) {
      for (const text of [...signatures.values()].flat()) {
        if (!isSignature(text)) throw new FerryError('corrupt', `"${text}" is not a signature`);
      }
      signal?.throwIfAborted();
      const { db, registrar } = await connection.forWriting(signal);
      await db.transaction(() => {
        for (const [path, added] of signatures) registrar.addSignatures(path, added);
      }, signal);
    },

    refuses(infos) {
      const refusals: Refusal[] = [];
      for (const info of infos) {
        const refusal = refusalOf(storeDir, info, options);
        if (refusal !== undefined) refusals.push(refusal);
      }
      return refusals;
    },

    freeSpace: async () => freeSpaceAt(realDir),

    queryAllValidPaths: (callOptions) => ask([], (queries) => queries.allPaths(), callOptions),

    async queryPathFromHashPart(hashPart, callOptions) {
      if (hashPart.length !== hashPartLength || !isNix32(hashPart)) {
        throw new FerryError('usage', `"${hashPart}" is not the hash part of a store path`);
      }
      return ask(undefined, (queries) => queries.pathOfHashPart(hashPart), callOptions);
    },

    queryReferrers: (paths, callOptions) =>
      askEach(paths, (queries, path) => queries.referrersOf(path), callOptions),

    queryDerivers: (paths, callOptions) =>
      askEach(paths, (queries, path) => queries.deriversOf(path), callOptions),

    async addContent(tree, content, { signal } = {}) {
      signal?.throwIfAborted();
      // First: threads that are there already would not see a store that is made writable.
      await connection.forWriting(signal);
      return addContent(store, workers, tree, content, signal);
    },

    // Copies do without this and the next ones: they are loaded when they are needed.
    async registerPaths(registrations, registerOptions = {}) {
      registerOptions.signal?.throwIfAborted();
      const { registerPaths } = await import('./register-paths.ts');
      await registerPaths(await addContext(registerOptions.signal), registrations, registerOptions);
    },

    async verifyPaths(paths, verifyOptions) {
      const { verifyPaths } = await import('./verify.ts');
      await verifyPaths(store, workers, paths, verifyOptions);
    },

    async verifyStore(verifyOptions = {}) {
      const { verifyStore } = await import('./verify-store.ts');
      const writable = await addContext(verifyOptions.signal);
      return await verifyStore({ ...writable, stateDir: options.stateDir }, verifyOptions);
    },

    async repairPaths(paths, repairOptions = {}) {
      const { repairPaths } = await import('./repair-paths.ts');
      await repairPaths(await addContext(repairOptions.signal), paths, repairOptions);
    },

    async removeDamagedLinks(paths, { signal } = {}) {
      const { removeDamagedLinks } = await import('./verify-links.ts');
      await connection.forWriting(signal);
      return await removeDamagedLinks(workers, realDir, paths, signal);
    },

    async optimise(optimiseOptions = {}) {
      const { dryRun, signal } = optimiseOptions;
      const { optimiseStore } = await import('./optimise-store.ts');
      const readable = dryRun === true ? connection.forReading() : undefined;
      const writable = readable ?? (await connection.forWriting(signal));
      return await optimiseStore({ realDir, workers, store: writable }, optimiseOptions);
    },

    async addRoot(link, path, { signal } = {}) {
      signal?.throwIfAborted();
      const { tempRoots } = await connection.forWriting(signal);
      await tempRoots.add([path], signal);
      if ((await store.queryValidPaths([path], { signal })).size === 0) throw notValid(path);
      await tempRoots.addRoot(path, () => addRoot(options, link, path), signal);
    },

    async readBuildLog(drv, { signal } = {}) {
      signal?.throwIfAborted();
      const { readBuildLog } = await import('./build-log.ts');
      return readBuildLog(options.logDir, drv, signal);
    },

    async addBuildLog(drv, log, { signal } = {}) {
      signal?.throwIfAborted();
      if (readOnly) throw new FerryError('unsupported', `"${uri}" was opened read-only`);
      const { addBuildLog } = await import('./build-log.ts');
      await addBuildLog(options.logDir, drv, log);
    },

    async [Symbol.asyncDispose]() {
      await autoCollection[Symbol.asyncDispose]();
      connection[Symbol.dispose]();
    },
  };
  return store;
}

function packedWhenRead(
  workers: TreeWorkers,
  path: StorePath,
  tree: string,
  signal: AbortSignal | undefined,
): NarStream {
  return {
    path,
    tree,
    [Symbol.asyncIterator]: () => workers.pack(tree, { signal })[Symbol.asyncIterator](),
  };
}
