/**
 * Feeds a stream to a thread. Chunks are copied into buffers that travel to the thread and back: a message for each
 * small chunk would cost more.
 */
import { releaseChunk } from '../../bytes/release.ts';
import type { RunningJob, Thread } from './thread.ts';

export interface FeedOptions {
  /** Bytes that were fed since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Leaves the chunks of the source as they are, where they may be someone else's. */
  readonly keepsChunks?: boolean | undefined;
}

export class StreamFeeder {
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #thread: Thread;
  readonly #options: FeedOptions;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(source: AsyncIterable<Uint8Array>, thread: Thread, options: FeedOptions = {}) {
    this.#source = source;
    this.#thread = thread;
    this.#options = options;
  }

  /** Resolves once the thread was told of the end, or when it is stopped. @throws what the source throws */
  async run(job: RunningJob): Promise<void> {
    const source = this.#source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await source.next();
        if (this.#isStopped) break;
        if (next.done === true) {
          this.#flush(job);
          job.sendEnd();
          return;
        }
        const { length } = next.value;
        await this.#copy(next.value, job);
        if (this.#options.keepsChunks !== true) releaseChunk(next.value);
        this.#options.onBytes?.(length);
      }
    } finally {
      if (this.#buffer !== undefined) this.#thread.returnBuffer(this.#buffer);
    }
    await source.return?.();
  }

  /** To be called when the thread gave a buffer back. */
  bufferIsBack(): void {
    this.#wake?.();
  }

  /** No more is wanted. The source is told as soon as it has answered what it was asked last. */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
  }

  async #copy(chunk: Uint8Array, job: RunningJob): Promise<void> {
    for (let at = 0; at < chunk.length && !this.#isStopped; ) {
      const buffer = (this.#buffer ??= this.#thread.takeBuffer());
      if (buffer === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const part = chunk.subarray(at, at + buffer.length - this.#filled);
      buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === buffer.length) this.#flush(job);
    }
  }

  #flush(job: RunningJob): void {
    if (this.#buffer === undefined) return;
    job.send(this.#buffer, this.#filled);
    this.#buffer = undefined;
    this.#filled = 0;
  }
}
