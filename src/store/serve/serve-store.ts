/** A store at the far end of the serve protocol: `ssh://`, answered by `nix-store --serve --write` of any Nix, or ferry. */
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { servedPathInfosOf, type ServedPathInfo } from '../../wire/serve/path-info.ts';
import {
  dumpStorePath,
  queryClosure,
  queryPathInfos,
  queryValidPaths,
  serveVersionAddToStoreNar,
} from '../../wire/serve/protocol.ts';
import { formatProtocolVersion } from '../../wire/codec.ts';
import type {
  AddOptions,
  CallOptions,
  ClosureOptions,
  NarStream,
  PathToAdd,
  Store,
  StoreFeature,
  ValidPathsOptions,
} from '../store.ts';
import type { ServeConnection } from './connection.ts';
import { Connections } from '../far/connections.ts';
import { pushAsExport } from './import-paths.ts';
import { pushPaths } from './push.ts';
import { readNars, type NarProtocol, type NarToRead } from '../far/read-nars.ts';

export interface ServeStoreOptions {
  readonly uri: string;
  readonly storeDir: StoreDir;
  /** Opens one more connection. */
  readonly open: (signal: AbortSignal | undefined) => Promise<ServeConnection>;
  readonly connectionsMax?: number | undefined;
  /** Runs when the store is disposed, after the connections are closed. */
  readonly onDispose?: (() => Promise<void>) | undefined;
}

export class ServeStore implements Store {
  readonly uri: string;
  readonly storeDir: StoreDir;
  readonly features: ReadonlySet<StoreFeature> = new Set<StoreFeature>([
    'write',
    'substitute',
    'hold',
  ]);
  readonly #connections: Connections<ServeConnection>;
  readonly #nars: NarProtocol<ServeConnection>;
  readonly #onDispose: (() => Promise<void>) | undefined;
  /** Sizes of NARs that were asked for before: they are needed to cut them. */
  readonly #narSizes = new Map<StorePath, number>();
  #disposed: Promise<void> | undefined;

  constructor({ uri, storeDir, open, connectionsMax = 1, onDispose }: ServeStoreOptions) {
    this.uri = uri;
    this.storeDir = storeDir;
    this.#connections = new Connections({
      open,
      max: connectionsMax,
      hold: (connection, paths, signal) =>
        connection.ask(queryValidPaths, { lock: true, substitute: false, paths }, signal),
    });
    this.#nars = {
      storeDir,
      request: (connection, path) => connection.encode(dumpStorePath, path),
    };
    this.#onDispose = onDispose;
  }

  async queryValidPaths(
    paths: Iterable<StorePath>,
    { substitute = false, hold = false, signal }: ValidPathsOptions = {},
  ): Promise<Set<StorePath>> {
    const connection = await this.#connections.first(signal);
    const request = { lock: hold, substitute, paths: [...paths] };
    if (request.paths.length === 0) return new Set();
    if (hold) for (const path of request.paths) this.#connections.held.add(path);
    const asked = new Set(request.paths);
    const valid = await connection.ask(queryValidPaths, request, signal, substitute);
    return new Set(valid.filter((path) => asked.has(path)));
  }

  async queryPathInfos(
    paths: Iterable<StorePath>,
    { signal }: CallOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    const connection = await this.#connections.first(signal);
    return await this.#askInfos(connection, [...new Set(paths)], signal);
  }

  /** Two round trips, however large it is. */
  async queryClosure(
    roots: Iterable<StorePath>,
    { signal, includeOutputs = false }: ClosureOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    const wanted = [...new Set(roots)];
    const connection = await this.#connections.first(signal);
    if (wanted.length === 0) return new Map();
    // Written one after the other: asked for the closure of what it doesn't have, a server just dies, but it has told
    // us before which root that was.
    const asked = this.#askInfos(connection, wanted, signal);
    const closure = connection.ask(queryClosure, { includeOutputs, paths: wanted }, signal);
    closure.catch(() => {});
    const infos = await asked;
    try {
      for (const path of wanted) this.#requireInfo(infos, path);
    } catch (error) {
      // It is dying of the second question; nobody else should meet that.
      connection.fail(error);
      throw error;
    }
    const others = (await closure).filter((path) => !infos.has(path));
    for (const [path, info] of await this.#askInfos(connection, others, signal)) {
      infos.set(path, info);
    }
    for (const path of others) this.#requireInfo(infos, path);
    return infos;
  }

  async *readNars(
    paths: Iterable<StorePath>,
    { signal }: CallOptions = {},
  ): AsyncGenerator<NarStream, void, undefined> {
    const wanted = [...paths];
    const unknown = wanted.filter((path) => !this.#narSizes.has(path));
    if (unknown.length > 0) {
      const infos = await this.queryPathInfos(unknown, { signal });
      for (const path of unknown) this.#requireInfo(infos, path);
    }
    const nars = wanted.map((path) => this.#narToRead(path));
    signal?.throwIfAborted();
    yield* readNars(this.#nars, this.#connections, nars, signal);
  }

  async addPaths(paths: AsyncIterable<PathToAdd>, options: AddOptions = {}): Promise<void> {
    const connection = await this.#connections.first(options.signal);
    if (connection.context.version < serveVersionAddToStoreNar) {
      if (options.keepSignatures === true) throw this.#losesSignatures();
      await pushAsExport(connection, paths, options);
      return;
    }
    const { uri, storeDir } = this;
    await pushPaths({ uri, storeDir, connections: this.#connections }, paths, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#connections.close().then(this.#onDispose);
    await this.#disposed;
  }

  #losesSignatures(): FerryError {
    return new FerryError('unsupported', `cannot send signatures to "${this.uri}"`, {
      store: this.uri,
      hint: 'its Nix is too old to take them over ssh://',
    });
  }

  async #askInfos(
    connection: ServeConnection,
    paths: readonly StorePath[],
    signal: AbortSignal | undefined,
  ): Promise<Map<StorePath, PathInfo>> {
    const infos = new Map<StorePath, PathInfo>();
    if (paths.length === 0) return infos;
    const operation = { ...queryPathInfos, response: servedPathInfosOf(new Set(paths)) };
    for (const served of await connection.ask(operation, paths, signal)) {
      infos.set(served.path, this.#toPathInfo(connection, served));
      this.#narSizes.set(served.path, served.narSize);
    }
    return infos;
  }

  #toPathInfo({ context }: ServeConnection, served: ServedPathInfo): PathInfo {
    const { downloadSize: _, narHash, ...info } = served;
    if (narHash !== undefined) return { ...info, narHash };
    throw new FerryError(
      'unsupported',
      `cannot read from "${this.uri}": version ${formatProtocolVersion(context.version)} of the serve protocol tells no hashes`,
      { store: this.uri, hint: 'Nix 2.0 and later can; ferry can still write to this one' },
    );
  }

  #requireInfo(infos: ReadonlyMap<StorePath, PathInfo>, path: StorePath): void {
    if (infos.has(path)) return;
    const printed = this.#print(path);
    throw new FerryError('not-found', `path "${printed}" is not valid in "${this.uri}"`, {
      path: printed,
      store: this.uri,
    });
  }

  #narToRead(path: StorePath): NarToRead {
    const narSize = this.#narSizes.get(path) ?? 0;
    if (narSize > 0) return { path, narSize };
    const printed = this.#print(path);
    throw new FerryError('corrupt', `"${this.uri}" doesn't know the size of "${printed}"`, {
      path: printed,
      store: this.uri,
    });
  }

  #print(path: StorePath): string {
    return printStorePath(this.storeDir, path);
  }
}
