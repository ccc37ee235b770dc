/** A store behind a daemon of Nix: `ssh-ng://` on another machine, a socket on this one. */
import { isNix32 } from '../../bytes/nix32.ts';
import { FerryError } from '../../error.ts';
import { hashPartLength, type StorePath } from '../../format/store-path.ts';
import type { KeyedBuildResult } from '../../wire/worker/build.ts';
import {
  buildPaths,
  buildPathsWithResults,
  ensurePath,
  queryMissing,
} from '../../wire/worker/builds.ts';
import type { DerivedPath } from '../../wire/worker/derived-path.ts';
import type { GarbageAnswer, GarbageRequest, GarbageRoot } from '../../wire/worker/garbage.ts';
import {
  queryAllValidPaths,
  queryDerivationOutputMap,
  queryPathFromHashPart,
  queryReferrers,
  queryValidDerivers,
} from '../../wire/worker/queries.ts';
import type { WorkerOperation } from '../../wire/worker/operation.ts';
import type { MissingAnswer } from '../../wire/worker/substitutes.ts';
import {
  addIndirectRoot,
  addPermRoot,
  collectGarbage,
  findRoots,
  optimiseStore,
  verifyStore,
  type VerifyStoreRequest,
} from '../../wire/worker/upkeep.ts';
import { deleteDeadSpecificReferrers } from '../../wire/worker/version.ts';
import { Connections } from '../far/connections.ts';
import { makeRootLink } from '../local/add-root.ts';
import type { CallOptions } from '../store.ts';
import { BaseWorkerStore, holdPaths, type WorkerStoreOptions } from './base-worker-store.ts';
import type { BuildOptions, DaemonStore } from './daemon-store.ts';

export class WorkerStore extends BaseWorkerStore implements DaemonStore {
  /**
   * The first connection stands when this returns.
   * @throws what opening it throws.
   */
  static async open(options: WorkerStoreOptions, signal?: AbortSignal): Promise<WorkerStore> {
    const { open, connectionsMax: max = 1, onDispose } = options;
    const connections = new Connections({ open, max, hold: holdPaths });
    try {
      return new WorkerStore(options, connections, await connections.first(signal));
    } catch (error) {
      await connections.close();
      await onDispose?.();
      throw error;
    }
  }

  get isHere(): boolean {
    return this.trees !== undefined;
  }

  queryAllValidPaths({ signal }: CallOptions = {}): Promise<StorePath[]> {
    return this.ask(queryAllValidPaths, undefined, { signal }).then((paths) => [...paths]);
  }

  async queryPathFromHashPart(
    hashPart: string,
    { signal }: CallOptions = {},
  ): Promise<StorePath | undefined> {
    if (hashPart.length !== hashPartLength || !isNix32(hashPart)) {
      throw new FerryError('usage', `"${hashPart}" is not the hash part of a store path`);
    }
    return await this.ask(queryPathFromHashPart, hashPart, { signal });
  }

  async queryReferrers(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<Map<StorePath, StorePath[]>> {
    return await this.#askPaths(queryReferrers, paths, options);
  }

  async queryDerivers(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<Map<StorePath, StorePath[]>> {
    return await this.#askPaths(queryValidDerivers, paths, options);
  }

  async queryOutputMap(
    drv: StorePath,
    { signal }: CallOptions = {},
  ): Promise<Map<string, StorePath>> {
    const what = `cannot find the outputs of "${this.print(drv)}"`;
    const outputs = await this.ask(queryDerivationOutputMap, drv, { signal, what });
    return new Map(outputs.flatMap(({ name, path }) => (path === undefined ? [] : [[name, path]])));
  }

  async queryMissing(
    targets: Iterable<DerivedPath>,
    { signal }: CallOptions = {},
  ): Promise<MissingAnswer> {
    return await this.ask(queryMissing, [...targets], { signal, isPatient: true });
  }

  async ensurePaths(paths: Iterable<StorePath>, { signal }: CallOptions = {}): Promise<void> {
    const what = `cannot have paths fetched by "${this.uri}"`;
    await this.askEach(ensurePath, [...new Set(paths)], { signal, what, isPatient: true });
  }

  async buildPaths(
    targets: Iterable<DerivedPath>,
    { signal, mode = 'normal' }: BuildOptions = {},
  ): Promise<void> {
    const what = `cannot build in "${this.uri}"`;
    await this.ask(buildPaths, { targets: [...targets], mode }, { signal, what, isPatient: true });
  }

  async buildPathsWithResults(
    targets: Iterable<DerivedPath>,
    { signal, mode = 'normal' }: BuildOptions = {},
  ): Promise<readonly KeyedBuildResult[]> {
    const what = `cannot build in "${this.uri}"`;
    const request = { targets: [...targets], mode };
    return await this.ask(buildPathsWithResults, request, { signal, what, isPatient: true });
  }

  async addIndirectRoot(link: string, { signal }: CallOptions = {}): Promise<void> {
    await this.ask(addIndirectRoot, link, { signal, what: `cannot make "${link}" a root` });
  }

  async addRoot(link: string, path: StorePath, { signal }: CallOptions = {}): Promise<void> {
    const what = `cannot make "${link}" a root`;
    if (this.trees === undefined) {
      throw new FerryError('unsupported', `${what}: "${this.uri}" is not on this machine`);
    }
    await this.addTempRoots([path], { signal });
    if ((await this.queryValidPaths([path], { signal })).size === 0) throw this.notValid(path);
    const { storeDir } = this;
    const absolute = makeRootLink({ storeDir, realDir: this.trees.realDir }, link, path);
    await this.addIndirectRoot(absolute, { signal });
  }

  async addPermanentRoot(
    link: string,
    path: StorePath,
    { signal }: CallOptions = {},
  ): Promise<void> {
    const what = `cannot make "${link}" a root`;
    if (this.isTrusted === false) {
      throw new FerryError('denied', `${what}: "${this.uri}" does that for trusted users alone`);
    }
    await this.ask(addPermRoot, { path, link }, { signal, what });
  }

  async findRoots({ signal }: CallOptions = {}): Promise<readonly GarbageRoot[]> {
    const what = `cannot find the roots of "${this.uri}"`;
    return await this.ask(findRoots, undefined, { signal, what, isPatient: true });
  }

  async collectGarbage(
    request: GarbageRequest,
    { signal }: CallOptions = {},
  ): Promise<GarbageAnswer> {
    const what = `cannot collect garbage in "${this.uri}"`;
    const connection = await this.connections.first(signal);
    const selects = request.paths !== undefined && request.action !== 'delete-specific';
    const isNew = connection.context.features.has(deleteDeadSpecificReferrers);
    // An older one would take the whole store.
    if (!isNew && (selects || request.deleteReferrers === true)) {
      throw new FerryError('unsupported', `${what}: it is too old to be limited to some paths`);
    }
    return await connection.ask(collectGarbage, request, { signal, what, isPatient: true });
  }

  async deletePaths(paths: Iterable<StorePath>, options: CallOptions = {}): Promise<GarbageAnswer> {
    const wanted = [...new Set(paths)];
    if (wanted.length === 0) return { paths: [], bytesFreed: 0 };
    const action = 'delete-specific';
    return await this.collectGarbage({ action, paths: wanted, ignoreLiveness: false }, options);
  }

  async verifyStore(request: VerifyStoreRequest, { signal }: CallOptions = {}): Promise<boolean> {
    const what = `cannot verify "${this.uri}"`;
    return await this.ask(verifyStore, request, { signal, what, isPatient: true });
  }

  async optimiseStore({ signal }: CallOptions = {}): Promise<void> {
    const what = `cannot optimise "${this.uri}"`;
    await this.ask(optimiseStore, undefined, { signal, what, isPatient: true });
  }

  async #askPaths(
    operation: WorkerOperation<StorePath, readonly StorePath[]>,
    paths: Iterable<StorePath>,
    { signal }: CallOptions,
  ): Promise<Map<StorePath, StorePath[]>> {
    const answers = new Map<StorePath, StorePath[]>();
    await this.askEach(operation, [...new Set(paths)], { signal }, (path, found) => {
      answers.set(path, [...found]);
    });
    return answers;
  }
}
