/**
 * A store in memory, for tests and for trying the library: the strictest of all. It holds callers to every rule of the
 * contract that a real store may forgive, such as taking the next NAR before the last one is used up.
 */
import { FerryError } from '../error.ts';
import { formatHash, hashesEqual, StreamingHash } from '../format/hash.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import { ignoreNar } from '../format/nar/visitor.ts';
import { otherReferences, type PathInfo } from '../format/path-info.ts';
import { isSignature } from '../format/signature.ts';
import { defaultStoreDir, type StoreDir, type StorePath } from '../format/store-path.ts';
import type {
  AddOptions,
  CallOptions,
  NarStream,
  PathToAdd,
  Store,
  StoreFeature,
  ValidPathsOptions,
} from './store.ts';

export interface MemoryStoreOptions {
  readonly storeDir?: StoreDir | undefined;
  /** Bytes of the chunks in which NARs are handed out; small ones find fault with readers. */
  readonly chunkSize?: number | undefined;
}

interface Entry {
  info: PathInfo;
  readonly nar: Uint8Array;
}

export class MemoryStore implements Store {
  readonly uri: string = 'memory:';
  readonly storeDir: StoreDir;
  readonly features: ReadonlySet<StoreFeature> = new Set<StoreFeature>(['write', 'sign', 'hold']);
  /** What `hold` was asked for: tests look here. */
  readonly held: Set<StorePath> = new Set();
  readonly #entries = new Map<StorePath, Entry>();
  readonly #chunkSize: number;
  #disposed = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.storeDir = options.storeDir ?? defaultStoreDir;
    this.#chunkSize = options.chunkSize ?? 65536;
  }

  queryValidPaths(
    paths: Iterable<StorePath>,
    options: ValidPathsOptions = {},
  ): Promise<Set<StorePath>> {
    return this.#answer(options, () => {
      if (options.substitute === true) throw this.#unsupported('substitute');
      const asked = [...paths];
      if (options.hold === true) for (const path of asked) this.held.add(path);
      return new Set(asked.filter((path) => this.#entries.has(path)));
    });
  }

  queryPathInfos(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    return this.#answer(options, () => {
      const infos = new Map<StorePath, PathInfo>();
      for (const path of paths) {
        const entry = this.#entries.get(path);
        if (entry !== undefined) infos.set(path, entry.info);
      }
      return infos;
    });
  }

  async *readNars(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): AsyncGenerator<NarStream> {
    let open: StorePath | undefined;
    for (const path of paths) {
      const { nar } = await this.#answer(options, () => this.#require(path));
      if (open !== undefined) {
        throw new FerryError(
          'internal',
          `the NAR of "${path}" was asked for before that of "${open}" was used up`,
        );
      }
      open = path;
      const chunks = chunksOf(nar, this.#chunkSize, options.signal, () => {
        open = undefined;
      });
      yield { path, [Symbol.asyncIterator]: () => chunks };
    }
  }

  async addPaths(paths: AsyncIterable<PathToAdd>, options: AddOptions = {}): Promise<void> {
    const failed = new Set<StorePath>();
    for await (const { info, nar } of paths) {
      try {
        await this.#addPath(info, nar, failed, options);
        options.onAdded?.(info.path);
      } catch (error) {
        if (options.onFailed === undefined || options.signal?.aborted === true) throw error;
        failed.add(info.path);
        options.onFailed(info.path, error);
      }
    }
  }

  addSignatures(
    signatures: ReadonlyMap<StorePath, readonly string[]>,
    options: CallOptions = {},
  ): Promise<void> {
    return this.#answer(options, () => {
      for (const [path, added] of signatures) {
        const entry = this.#require(path);
        const malformed = added.find((signature) => !isSignature(signature));
        if (malformed !== undefined) {
          throw new FerryError('corrupt', `"${malformed}" is not a signature`, { path });
        }
        const union = new Set([...entry.info.signatures, ...added]);
        entry.info = { ...entry.info, signatures: [...union].sort() };
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#entries.clear();
  }

  async #addPath(
    info: PathInfo,
    nar: NarStream,
    failed: ReadonlySet<StorePath>,
    options: AddOptions,
  ): Promise<void> {
    const bytes = await this.#receive(info, nar, options);
    const absent = otherReferences(info).find((path) => !this.#entries.has(path));
    if (absent !== undefined) {
      const why = failed.has(absent) ? 'could not be added' : 'is not valid';
      throw new FerryError('not-found', `cannot add "${info.path}": "${absent}" ${why}`, {
        path: info.path,
      });
    }
    if (this.#entries.has(info.path)) return;
    this.#entries.set(info.path, { info: { registrationTime: 1, ...info }, nar: bytes });
  }

  async #receive(info: PathInfo, nar: NarStream, options: AddOptions): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    const hash = new StreamingHash();
    const decoder = new NarDecoder(ignoreNar);
    for await (const chunk of nar) {
      this.#check(options);
      if (decoder.push(chunk) < chunk.length) {
        throw new FerryError('corrupt', `NAR of "${info.path}" goes on after its end`, {
          offset: decoder.offset,
        });
      }
      hash.update(chunk);
      chunks.push(new Uint8Array(chunk));
      options.onBytes?.(info.path, chunk.length);
    }
    decoder.finish();
    const { size } = hash;
    const got = hash.finish();
    if (!hashesEqual(got, info.narHash) || size !== info.narSize) {
      throw new FerryError(
        'corrupt',
        `NAR of "${info.path}" has hash ${formatHash(got)} and ${size} bytes, not ${formatHash(info.narHash)} and ${info.narSize}`,
        { path: info.path },
      );
    }
    return Buffer.concat(chunks);
  }

  #require(path: StorePath): Entry {
    const entry = this.#entries.get(path);
    if (entry === undefined) {
      throw new FerryError('not-found', `path "${path}" is not valid in "${this.uri}"`, { path });
    }
    return entry;
  }

  #unsupported(feature: StoreFeature): FerryError {
    return new FerryError('unsupported', `"${this.uri}" can't do that: ${feature}`);
  }

  async #answer<T>(options: CallOptions, answer: () => T): Promise<T> {
    this.#check(options);
    await Promise.resolve();
    return answer();
  }

  #check({ signal }: CallOptions): void {
    if (this.#disposed) throw new FerryError('internal', `"${this.uri}" is closed`);
    signal?.throwIfAborted();
  }
}

async function* chunksOf(
  nar: Uint8Array,
  size: number,
  signal: AbortSignal | undefined,
  onEnd: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (let at = 0; at < nar.length; at += size) {
      signal?.throwIfAborted();
      yield nar.slice(at, at + size);
      await Promise.resolve();
    }
  } finally {
    onEnd();
  }
}
