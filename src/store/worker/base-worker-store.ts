/**
 * The contract of a store over the worker protocol. Requests that belong together are written before the first answer is
 * awaited, so that each method takes a round trip or two, whatever the number of paths.
 */
import { accessSync, constants, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { isSignature } from '../../format/signature.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import { addBuildLog, addSignatures } from '../../wire/worker/additions.ts';
import { plainText } from '../../wire/transport.ts';
import type { WorkerOperation } from '../../wire/worker/operation.ts';
import { queryPathInfo, queryValidPaths } from '../../wire/worker/queries.ts';
import { addTempRoot } from '../../wire/worker/upkeep.ts';
import { v } from '../../wire/worker/version.ts';
import type { Connections } from '../far/connections.ts';
import { readNars, type NarToRead } from '../far/read-nars.ts';
import { freeSpaceAt } from '../local/free-space.ts';
import { readingsOnThreads } from '../readings.ts';
import type {
  AddOptions,
  CallOptions,
  ClosureOptions,
  FreeSpace,
  NarStream,
  PathToAdd,
  Store,
  StoreFeature,
  ValidPathsOptions,
} from '../store.ts';
import { countReferences, walkClosure } from './closure.ts';
import { outputsQuery } from './outputs.ts';
import { pushPaths } from './push.ts';
import { upload } from './upload.ts';
import type { AskOptions, Reply, WorkerConnection } from './worker-connection.ts';
import { workerNars } from './worker-nars.ts';

export interface WorkerStoreOptions {
  readonly uri: string;
  readonly storeDir: StoreDir;
  /** Opens one more connection. */
  readonly open: (signal: AbortSignal | undefined) => Promise<WorkerConnection>;
  readonly connectionsMax?: number | undefined;
  /** Where the contents of paths lie, where that is on this machine: then they are read there. */
  readonly trees?: LocalTrees | undefined;
  /** Runs when the store is disposed, after the connections are closed. */
  readonly onDispose?: (() => Promise<void>) | undefined;
}

export interface LocalTrees {
  readonly realDir: string;
  /** Where the daemon keeps the logs of builds: they are read there, it doesn't hand them out. */
  readonly logDir: string;
  /** Lent: the store uses them, and leaves them open. */
  readonly workers: TreeWorkers;
}

/** Whether a client may have paths substituted. */
const substituteSince = v(27);

export class BaseWorkerStore implements Store {
  readonly uri: string;
  readonly storeDir: StoreDir;
  readonly features: ReadonlySet<StoreFeature>;
  /** The release of its Nix, as it says: `2.34.8`; older ones don't. */
  readonly release: string | undefined;
  /** Whether we may do everything there; undefined where it doesn't say. */
  readonly isTrusted: boolean | undefined;
  protected readonly connections: Connections<WorkerConnection>;
  protected readonly trees: LocalTrees | undefined;
  /** Where the store is on this machine. */
  readonly freeSpace?: (options?: CallOptions) => Promise<FreeSpace | undefined>;
  readonly readingsMax: number | undefined;
  /** Likewise. */
  readonly readBuildLog?: NonNullable<Store['readBuildLog']>;
  readonly #onDispose: (() => Promise<void>) | undefined;
  /** Sizes of NARs that were asked for before: they are needed to cut them. */
  readonly #narSizes = new Map<StorePath, number>();
  #disposed: Promise<void> | undefined;

  /** @param first says what the far end is like; the store has it open already. */
  protected constructor(
    options: WorkerStoreOptions,
    connections: Connections<WorkerConnection>,
    first: WorkerConnection,
  ) {
    this.uri = options.uri;
    this.storeDir = options.storeDir;
    this.connections = connections;
    const { release } = first.greeting;
    this.release = release === undefined ? undefined : plainText(release);
    this.isTrusted = first.greeting.isTrusted;
    const { trees } = options;
    this.trees = trees;
    this.readingsMax = trees === undefined ? undefined : readingsOnThreads(trees.workers);
    if (trees !== undefined) {
      this.freeSpace = async () => freeSpaceAt(trees.realDir);
      this.readBuildLog = async (drv, { signal } = {}) => {
        signal?.throwIfAborted();
        const { readBuildLog } = await import('../local/build-log.ts');
        return readBuildLog(trees.logDir, drv, signal);
      };
    }
    this.#onDispose = options.onDispose;
    const features: StoreFeature[] = ['write', 'sign', 'hold'];
    if (first.context.version >= substituteSince) features.push('substitute');
    this.features = new Set(features);
  }

  async queryValidPaths(
    paths: Iterable<StorePath>,
    { substitute = false, hold = false, signal }: ValidPathsOptions = {},
  ): Promise<Set<StorePath>> {
    if (substitute && !this.features.has('substitute')) {
      throw new FerryError('unsupported', `"${this.uri}" is too old to fetch paths when asked`);
    }
    const connection = await this.connections.first(signal);
    const asked = new Set(paths);
    if (asked.size === 0) return new Set();
    // Held first: what is found valid then stays so.
    const held = hold ? this.#hold(connection, [...asked], signal) : undefined;
    held?.catch(() => {});
    const request = { paths: [...asked], substitute };
    const options = { signal, isPatient: substitute };
    const valid = await connection.ask(queryValidPaths, request, options);
    await held;
    return new Set(valid.filter((path) => asked.has(path)));
  }

  async queryPathInfos(
    paths: Iterable<StorePath>,
    { signal }: CallOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    const infos = new Map<StorePath, PathInfo>();
    const asked = [...new Set(paths)];
    const count = countReferences();
    const connection = await this.connections.first(signal);
    const replies = await connection.askAll(queryPathInfo, asked, { signal }, ({ value }) => {
      if (value !== undefined) count(value);
    });
    requireAll(replies);
    for (const [index, { value }] of replies.entries()) {
      const path = asked[index] as StorePath;
      if (value === undefined) continue;
      infos.set(path, { path, ...value });
      this.#narSizes.set(path, value.narSize);
    }
    return infos;
  }

  /** As many round trips as the longest chain of references is long. */
  async queryClosure(
    roots: Iterable<StorePath>,
    { signal, includeOutputs = false }: ClosureOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    const connection = await this.connections.first(signal);
    const walk = { connection, roots: [...new Set(roots)], includeOutputs, signal };
    const closure = await walkClosure(walk);
    for (const { path, narSize } of closure.values()) this.#narSizes.set(path, narSize);
    return closure;
  }

  async queryOutputs(
    drvs: Iterable<StorePath>,
    { signal }: CallOptions = {},
  ): Promise<Map<StorePath, StorePath[]>> {
    const asked = [...new Set(drvs)];
    const validDrvs = await this.queryValidPaths(asked, { signal });
    const operation = outputsQuery(await this.connections.first(signal));
    const all = new Map<StorePath, readonly StorePath[]>();
    await this.askEach(operation, [...validDrvs], { signal }, (drv, paths) => all.set(drv, paths));
    const valid = await this.queryValidPaths([...all.values()].flat(), { signal });
    const outputs = new Map<StorePath, StorePath[]>();
    for (const [drv, paths] of all) {
      const there = paths.filter((path) => valid.has(path));
      if (there.length > 0) outputs.set(drv, there);
    }
    return outputs;
  }

  async *readNars(
    paths: Iterable<StorePath>,
    { signal }: CallOptions = {},
  ): AsyncGenerator<NarStream, void, undefined> {
    const wanted = [...paths];
    const unknown = wanted.filter((path) => !this.#narSizes.has(path));
    if (unknown.length > 0) {
      const infos = await this.queryPathInfos(unknown, { signal });
      for (const path of unknown) if (!infos.has(path)) throw this.notValid(path);
    }
    signal?.throwIfAborted();
    const { trees } = this;
    if (trees !== undefined && wanted.every((path) => isReadable(join(trees.realDir, path)))) {
      for (const path of wanted) yield packedWhenRead(trees, path, signal);
      return;
    }
    const nars = wanted.map((path) => this.#narToRead(path));
    yield* readNars(workerNars(this.storeDir), this.connections, nars, signal);
  }

  async addPaths(paths: AsyncIterable<PathToAdd>, options: AddOptions = {}): Promise<void> {
    const { uri, storeDir, connections } = this;
    await pushPaths({ uri, storeDir, connections }, paths, options);
  }

  async addSignatures(
    signatures: ReadonlyMap<StorePath, readonly string[]>,
    { signal }: CallOptions = {},
  ): Promise<void> {
    for (const text of [...signatures.values()].flat()) {
      if (!isSignature(text)) throw new FerryError('corrupt', `"${text}" is not a signature`);
    }
    const requests = Array.from(signatures, ([path, added]) => ({
      path,
      signatures: [...new Set(added)].sort(),
    }));
    const what = `cannot add signatures in "${this.uri}"`;
    await this.askEach(addSignatures, requests, { signal, what });
  }

  async addBuildLog(
    drv: StorePath,
    log: AsyncIterable<Uint8Array>,
    { signal }: CallOptions = {},
  ): Promise<void> {
    const what = `cannot add the log of "${this.print(drv)}"`;
    // Servers refuse it without reading what was sent.
    if (this.isTrusted === false) {
      throw new FerryError('denied', `${what}: "${this.uri}" takes logs from trusted users alone`);
    }
    const connection = await this.connections.first(signal);
    connection.require(addBuildLog, what);
    let broken: { readonly error: unknown } | undefined;
    const { answer } = upload(connection, {
      operation: addBuildLog,
      request: drv,
      what,
      body: async (write, isRefused) => {
        try {
          for await (const chunk of log) {
            if (isRefused()) return;
            await write(chunk);
          }
        } catch (error) {
          // Ended like any other, it would be kept as if it were whole.
          broken = { error };
          throw error;
        }
      },
    });
    const onAbort = (): void => connection.giveUp();
    signal?.addEventListener('abort', onAbort);
    try {
      const { refusal } = await answer;
      if (refusal === undefined) return;
      // How much of the log it has read nobody knows.
      connection.fail(refusal);
      throw refusal;
    } catch (error) {
      signal?.throwIfAborted();
      throw broken === undefined ? error : broken.error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async addTempRoots(paths: Iterable<StorePath>, { signal }: CallOptions = {}): Promise<void> {
    await this.#hold(await this.connections.first(signal), [...paths], signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.connections.close().then(this.#onDispose);
    await this.#disposed;
  }

  protected async ask<Request, Response>(
    operation: WorkerOperation<Request, Response>,
    request: Request,
    options: AskOptions,
  ): Promise<Response> {
    const connection = await this.connections.first(options.signal);
    return await connection.ask(operation, request, options);
  }

  /** One request for each, all ahead of the answers. @throws the first refusal, after all were worked on. */
  protected async askEach<Request, Response>(
    operation: WorkerOperation<Request, Response>,
    requests: readonly Request[],
    options: AskOptions,
    onAnswer?: (request: Request, answer: Response) => void,
  ): Promise<void> {
    const connection = await this.connections.first(options.signal);
    const replies = await connection.askAll(operation, requests, options);
    requireAll(replies);
    for (const [index, reply] of replies.entries()) {
      if (reply.refusal === undefined) onAnswer?.(requests[index] as Request, reply.value);
    }
  }

  protected print(path: StorePath): string {
    return printStorePath(this.storeDir, path);
  }

  async #hold(
    connection: WorkerConnection,
    paths: readonly StorePath[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (const path of paths) this.connections.held.add(path);
    await holdPaths(connection, paths, signal);
  }

  #narToRead(path: StorePath): NarToRead {
    const narSize = this.#narSizes.get(path) ?? 0;
    if (narSize > 0) return { path, narSize };
    const printed = this.print(path);
    throw new FerryError('corrupt', `"${this.uri}" doesn't know the size of "${printed}"`, {
      path: printed,
      store: this.uri,
    });
  }

  protected notValid(path: StorePath): FerryError {
    const printed = this.print(path);
    return new FerryError('not-found', `path "${printed}" is not valid in "${this.uri}"`, {
      path: printed,
      store: this.uri,
    });
  }
}

/** For as long as the connection stands. */
export async function holdPaths(
  connection: WorkerConnection,
  paths: readonly StorePath[],
  signal: AbortSignal | undefined,
): Promise<void> {
  requireAll(await connection.askAll(addTempRoot, paths, { signal }));
}

function requireAll(replies: readonly Reply<unknown>[]): void {
  for (const { refusal } of replies) if (refusal !== undefined) throw refusal;
}

function isReadable(tree: string): boolean {
  try {
    // A path may be a link that leads nowhere.
    if (!lstatSync(tree).isSymbolicLink()) accessSync(tree, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function packedWhenRead(
  { realDir, workers }: LocalTrees,
  path: StorePath,
  signal: AbortSignal | undefined,
): NarStream {
  const tree = join(realDir, path);
  return {
    path,
    tree,
    [Symbol.asyncIterator]: () => workers.pack(tree, { signal })[Symbol.asyncIterator](),
  };
}
