/** Streams through the xz library, which works on threads of its own. */
import { ReadableStream } from 'node:stream/web';
import { isFerryError, messageOf } from '../../error.ts';
import { ChunkCutter } from './chunk-cutter.ts';
import { cannotDecompress, libraryError } from './corrupt.ts';
import { loadLzma } from './lzma-library.ts';

/** Bytes given to the library at a time: it queues up to sixteen such pieces. */
const PIECE_BYTES = 64 * 1024;

/**
 * @param contentsSize how large the contents are by the structure of the file, asked at the end
 * @throws FerryError `corrupt`; what the source throws
 */
export async function* decompressXz(
  bytes: AsyncIterable<Uint8Array>,
  contentsSize: () => number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { xz } = await loadLzma();
  const source = new Source(bytes);
  let size = 0;
  try {
    for await (const chunk of cut(xz.decompressStream(source.stream))) {
      size += chunk.length;
      yield chunk;
    }
    if (source.failure !== undefined) throw source.failure.error;
    // What the library didn't care to read is checked all the same.
    await source.drain();
  } catch (error) {
    throw source.failure?.error ?? (isFerryError(error) ? error : libraryError('xz', error));
  } finally {
    await source.close();
  }
  if (size !== contentsSize()) {
    throw cannotDecompress('xz', `${size} bytes came out of it, not ${contentsSize()}`);
  }
}

/** One stream of xz. @throws what the source throws */
export async function* compressXz(
  bytes: AsyncIterable<Uint8Array>,
  level: number,
  chunkBytes: number | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { xz } = await loadLzma();
  const source = new Source(bytes);
  try {
    yield* cut(xz.compressStream(source.stream, { preset: level }), chunkBytes);
  } catch (error) {
    throw source.failure === undefined ? error : source.failure.error;
  } finally {
    await source.close();
  }
  if (source.failure !== undefined) throw source.failure.error;
}

/** The library's memory isn't JavaScript's: what it gives is copied. */
async function* cut(
  stream: AsyncIterable<Uint8Array>,
  chunkBytes?: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  const cutter = new ChunkCutter((chunk) => ready.push(chunk), chunkBytes);
  for await (const chunk of stream) {
    cutter.push(chunk);
    yield* ready.splice(0);
  }
  cutter.flush();
  yield* ready;
}

/** A source as the library wants it. What it fails with is kept: the library knows it as a text only. */
class Source {
  failure: { readonly error: unknown } | undefined;
  readonly stream: ReadableStream<Uint8Array>;
  readonly #pieces: AsyncGenerator<Uint8Array, void, undefined>;
  #isPulling = false;
  #isClosed = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(bytes: AsyncIterable<Uint8Array>) {
    this.#pieces = piecesOf(bytes);
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: async (controller) => await this.#pull(controller),
      },
      { highWaterMark: 0 },
    );
  }

  /** Reads what is left, for whoever watches the source. Only once the library is done. */
  async drain(): Promise<void> {
    while ((await this.#pieces.next()).done !== true);
  }

  /** Ends the library's thread, which may be waiting for more. A source that hangs is not waited for. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#controller?.error(new Error('closed'));
    }
    const closed = this.#pieces.return().catch(() => {});
    if (!this.#isPulling) await closed;
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#isPulling = true;
    try {
      const next = await this.#pieces.next();
      if (this.#isClosed) return;
      if (next.done !== true) {
        controller.enqueue(next.value);
        return;
      }
      this.#isClosed = true;
      controller.close();
    } catch (error) {
      this.failure ??= { error };
      if (this.#isClosed) return;
      this.#isClosed = true;
      controller.error(new Error(messageOf(error)));
    } finally {
      this.#isPulling = false;
    }
  }
}

async function* piecesOf(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield chunk.subarray(at, at + PIECE_BYTES);
    }
  }
}
