/** A stream in blocks that are compressed side by side; what becomes of them comes out in their order. */
import { releaseChunk } from '../../bytes/release.ts';
import type { BlockCodec } from './block-codec.ts';
import { discard } from './block-codec.ts';
import { ChunkCutter } from './chunk-cutter.ts';

export interface BlocksOptions {
  /** How many blocks are at work at the same time; one more is being filled meanwhile. */
  readonly width: number;
  readonly chunkBytes?: number | undefined;
}

export async function* compressBlocks(
  codec: BlockCodec,
  bytes: AsyncIterable<Uint8Array>,
  { width, chunkBytes }: BlocksOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  const cutter = new ChunkCutter((chunk) => ready.push(chunk), chunkBytes);
  cutter.push(codec.head);
  const results = orderly(blocksOf(bytes, codec.blockBytes), width, ({ block, isLast }) =>
    codec.next(block, isLast).run(),
  );
  for await (const result of results) {
    cutter.push(result);
    discard(result);
    yield* ready.splice(0);
  }
  cutter.push(codec.tail());
  cutter.flush();
  yield* ready;
}

/** Makes a stream out of each block; those streams come out one after the other. */
export async function* inBlocks(
  bytes: AsyncIterable<Uint8Array>,
  blockBytes: number,
  width: number,
  compress: (block: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stop = new AbortController();
  try {
    const results = orderly(blocksOf(bytes, blockBytes), width, ({ block }) =>
      Array.fromAsync(compress(piecesOf(block, stop.signal))),
    );
    for await (const chunks of results) yield* chunks;
  } finally {
    // What is still at work is of no use any more.
    stop.abort();
  }
}

/** Bytes after which it is seen whether to stop. */
const PIECE_BYTES = 64 * 1024;

async function* piecesOf(
  block: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < block.length; at += PIECE_BYTES) {
    signal.throwIfAborted();
    yield block.subarray(at, at + PIECE_BYTES);
  }
}

export interface Block {
  readonly block: Uint8Array;
  readonly isLast: boolean;
  /** Gives the memory of the block back. */
  readonly free: () => void;
}

/** Runs the work on so many blocks at a time, and gives the results in the order of the blocks. */
async function* orderly<T>(
  blocks: AsyncIterable<Block>,
  width: number,
  work: (block: Block) => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const running: Promise<T>[] = [];
  for await (const block of blocks) {
    const result = work(block).finally(block.free);
    // Told when it is its turn, if it comes to that.
    result.catch(() => {});
    running.push(result);
    if (running.length < width) continue;
    const first = running.shift();
    if (first !== undefined) yield await first;
  }
  for (const result of running) yield await result;
}

/**
 * Blocks of exactly that size but for the last, of which there always is one. Their memory is used again once they are
 * freed, and given back in the end.
 */
export async function* blocksOf(
  bytes: AsyncIterable<Uint8Array>,
  blockBytes: number,
): AsyncGenerator<Block, void, undefined> {
  const spare: Uint8Array<ArrayBuffer>[] = [];
  let isDone = false;
  const take = (): Uint8Array<ArrayBuffer> =>
    spare.pop() ?? new Uint8Array(Buffer.allocUnsafeSlow(blockBytes).buffer);
  const blockOf = (buffer: Uint8Array<ArrayBuffer>, size: number, isLast: boolean): Block => ({
    block: buffer.subarray(0, size),
    isLast,
    free: () => {
      if (isDone) releaseChunk(buffer);
      else spare.push(buffer);
    },
  });
  let buffer = take();
  let filled = 0;
  try {
    for await (const chunk of bytes) {
      for (let at = 0; at < chunk.length; ) {
        // Only now is it known that another follows.
        if (filled === blockBytes) {
          yield blockOf(buffer, filled, false);
          buffer = take();
          filled = 0;
        }
        const part = chunk.subarray(at, at + blockBytes - filled);
        buffer.set(part, filled);
        filled += part.length;
        at += part.length;
      }
    }
    isDone = true;
    yield blockOf(buffer, filled, true);
  } finally {
    isDone = true;
    for (const each of spare) releaseChunk(each);
  }
}
