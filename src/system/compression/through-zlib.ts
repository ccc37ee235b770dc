/** A stream through one of the engines of node:zlib, which work on threads of Node's pool. */
import type { Transform } from 'node:stream';
import type { BrotliCompress, BrotliDecompress, Gunzip, ZstdDecompress } from 'node:zlib';

export type ZlibEngine = (BrotliCompress | BrotliDecompress | Gunzip | ZstdDecompress) & Transform;

/** What an engine gave in the end, besides its output. */
export interface ZlibEnd {
  /** Bytes that it was given. */
  readonly fed: number;
  /** Bytes that it took: fewer, where it found its end before. */
  readonly consumed: number;
}

/**
 * Yields what the engine makes of the bytes, chunks in memory of their own; returns how much it took. One chunk is on
 * its way in and one on its way out at any time. The engine is gone when this ends, in whatever way.
 * @throws what the engine or the source throws
 */
export async function* throughZlib(
  engine: ZlibEngine,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, ZlibEnd, undefined> {
  const state = new EngineState(engine);
  const feeding = state.feed(bytes);
  try {
    for (;;) {
      const chunk = await state.next();
      if (chunk === undefined) break;
      yield chunk;
    }
    return { fed: state.fed, consumed: engine.bytesWritten };
  } finally {
    state.close();
    // A source that hangs is not waited for; it is closed once it answers.
    if (!state.isPulling) await feeding;
  }
}

class EngineState {
  /** Bytes given to the engine. */
  fed = 0;
  /** Whether the source was asked for a chunk and hasn't answered. */
  isPulling = true;
  readonly #engine: ZlibEngine;
  #chunk: Uint8Array | undefined;
  #isAtEnd = false;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(engine: ZlibEngine) {
    this.#engine = engine;
    engine.on('data', (chunk: Uint8Array) => {
      engine.pause();
      this.#chunk = owned(chunk);
      this.#notify();
    });
    engine.on('end', () => {
      this.#isAtEnd = true;
      this.#notify();
    });
    engine.on('error', (error: unknown) => this.#fail(error));
  }

  /** The next chunk of output; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    this.#engine.resume();
    for (;;) {
      const chunk = this.#chunk;
      this.#chunk = undefined;
      if (chunk !== undefined) return chunk;
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#isAtEnd) return undefined;
      await this.#changed.promise;
    }
  }

  /** Feeds the engine until it wants no more. Never throws: a failure of the source shows in `next`. */
  async feed(bytes: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of bytes) {
        this.isPulling = false;
        if (this.#isOver) return;
        this.fed += chunk.length;
        const written = Promise.withResolvers<void>();
        this.#engine.write(chunk, () => written.resolve());
        // An engine that found its end doesn't answer any more.
        while (!this.#isOver) {
          const changed = this.#changed.promise.then(() => false);
          if (await Promise.race([written.promise.then(() => true), changed])) break;
        }
        if (this.#isOver) return;
        this.isPulling = true;
      }
      this.isPulling = false;
      this.#engine.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#engine.destroy();
    this.#notify();
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#isAtEnd || this.#failure !== undefined;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** An engine goes on writing into the rest of a buffer of which it gave a part. */
function owned(chunk: Uint8Array): Uint8Array {
  const { buffer } = chunk;
  const isWhole = buffer instanceof ArrayBuffer && chunk.length === buffer.byteLength;
  return isWhole ? new Uint8Array(buffer) : new Uint8Array(chunk);
}
