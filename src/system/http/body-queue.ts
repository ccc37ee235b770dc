/**
 * The body of one answer between the socket, which pushes, and the reader, who pulls. The socket is paused while much is
 * queued; chunks that queued up are handed over as one.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

const PAUSE_BYTES = 512 * 1024;
const RESUME_BYTES = 128 * 1024;
const JOINED_BYTES_MAX = 256 * 1024;
/** TLS has pieces of 16 KiB, HTTP/2 smaller ones: whoever works on them would have more work with each than in it. */
const SMALL_BYTES = 64 * 1024;

export interface BodySource {
  pause(): void;
  resume(): void;
  /** The reader wants no more. */
  cancel(): void;
}

export class BodyQueue implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #source: BodySource;
  readonly #chunks: Uint8Array[] = [];
  #queuedBytes = 0;
  #isPaused = false;
  #isEnded = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(source: BodySource) {
    this.#source = source;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** `chunk` may be part of memory that others use, and is then copied: what is handed over is the reader's own. */
  push(chunk: Uint8Array): void {
    if (this.#isEnded) return;
    const isOwn = chunk.byteLength === chunk.buffer.byteLength;
    this.#chunks.push(isOwn ? new Uint8Array(chunk.buffer) : new Uint8Array(chunk));
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= PAUSE_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#source.pause();
    }
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  /** What is queued is still handed over before the reader gets the error. */
  fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#arrival();
    // The rest of what came with it is on its way through the socket: one turn later it is here too.
    if (this.#queuedBytes > 0 && this.#queuedBytes < SMALL_BYTES && !this.#isEnded) {
      await nextTurn();
    }
    if (this.#chunks.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      return { done: true, value: undefined };
    }
    const value = this.#take();
    this.#queuedBytes -= value.length;
    if (this.#isPaused && this.#queuedBytes <= RESUME_BYTES) {
      this.#isPaused = false;
      this.#source.resume();
    }
    return { done: false, value };
  }

  /** Of a chunk, of the end, or of an error. */
  async #arrival(): Promise<void> {
    while (this.#chunks.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  cancel(): void {
    this.#chunks.length = 0;
    this.#queuedBytes = 0;
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#source.cancel();
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): Uint8Array {
    let count = 0;
    let bytes = 0;
    for (const chunk of this.#chunks) {
      if (count > 0 && bytes + chunk.length > JOINED_BYTES_MAX) break;
      count += 1;
      bytes += chunk.length;
    }
    const taken = this.#chunks.splice(0, count);
    const [first] = taken;
    if (first !== undefined && count === 1) return first;
    const joined = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of taken) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    return joined;
  }
}
