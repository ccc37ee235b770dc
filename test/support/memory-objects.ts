/** The objects of a cache in memory: what is asked of them is written down, and what they answer may be wrong. */
import { setImmediate as turn } from 'node:timers/promises';
import { readFile } from 'node:fs/promises';
import type {
  ObjectBody,
  ObjectHead,
  Objects,
  PutOptions,
  ReadOptions,
  SpooledFile,
} from '../../src/store/cache/objects.ts';
import type { CallOptions } from '../../src/store/store.ts';

export interface StoredObject {
  readonly bytes: Uint8Array;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
}

/** Bodies come in chunks of so many bytes. */
const CHUNK_BYTES = 50_000;

export class MemoryObjects implements Objects {
  readonly uri: string = 'https://cache.example.org';
  readonly concurrency: number;
  readonly stored: Map<string, StoredObject> = new Map();
  /** Every request: "get nar/x", "read x.narinfo", "put …", "head …", in the order in which they were begun. */
  readonly log: string[] = [];
  /** Called before each request is answered: throws, waits, or changes something. */
  before: (request: string, signal: AbortSignal | undefined) => Promise<void> | void = () => {};
  /** Requests under way, and the most of them that ever were. */
  running = 0;
  mostRunning = 0;
  /** Bodies that were begun and neither read to their end nor closed. */
  openBodies = 0;
  isDisposed = false;

  constructor(concurrency = 8) {
    this.concurrency = concurrency;
  }

  keys(): string[] {
    return [...this.stored.keys()].sort();
  }

  text(key: string): string {
    return Buffer.from(this.stored.get(key)?.bytes ?? []).toString();
  }

  set(key: string, contents: string | Uint8Array): void {
    this.stored.set(key, { bytes: Buffer.from(contents) });
  }

  /** How often something was asked for. */
  count(begins: string): number {
    return this.log.filter((request) => request.startsWith(begins)).length;
  }

  read(key: string, { signal }: ReadOptions): Promise<Uint8Array | undefined> {
    return this.#request(`read ${key}`, signal, () => this.stored.get(key)?.bytes);
  }

  get(reference: string, { signal }: CallOptions = {}): Promise<ObjectBody | undefined> {
    return this.#request(`get ${reference}`, signal, () => {
      const found = this.stored.get(reference);
      return found && { size: found.bytes.length, bytes: this.#body(found.bytes, signal) };
    });
  }

  head(key: string, { signal }: CallOptions = {}): Promise<ObjectHead | undefined> {
    return this.#request(`head ${key}`, signal, () => {
      const found = this.stored.get(key);
      return found && { size: found.bytes.length };
    });
  }

  async put(
    key: string,
    contents: Uint8Array | SpooledFile,
    { signal, contentType, contentEncoding }: PutOptions,
  ): Promise<void> {
    const bytes = 'file' in contents ? await readFile(contents.file) : Buffer.from(contents);
    await this.#request(`put ${key}`, signal, () => {
      this.stored.set(key, { bytes, contentType, contentEncoding });
    });
  }

  async *list(prefix: string): AsyncGenerator<string> {
    await turn();
    yield* this.keys().filter((key) => key.startsWith(prefix));
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#request(`delete ${key}`, signal, () => {
      this.stored.delete(key);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isDisposed = true;
  }

  async #request<T>(request: string, signal: AbortSignal | undefined, answer: () => T): Promise<T> {
    signal?.throwIfAborted();
    this.log.push(request);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      await turn();
      await this.before(request, signal);
      signal?.throwIfAborted();
      return answer();
    } finally {
      this.running--;
    }
  }

  async *#body(bytes: Uint8Array, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    this.openBodies++;
    try {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        await turn();
        signal?.throwIfAborted();
        yield new Uint8Array(bytes.subarray(at, at + CHUNK_BYTES));
      }
    } finally {
      this.openBodies--;
    }
  }
}
