/** A stream in blocks that are compressed side by side; what becomes of them comes out in their order. */
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
  const results = orderly(blocksOf(bytes, blockBytes), width, ({ block }) =>
    Array.fromAsync(compress(only(block))),
  );
  for await (const chunks of results) yield* chunks;
}

interface Block {
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
 * freed.
 */
async function* blocksOf(
  bytes: AsyncIterable<Uint8Array>,
  blockBytes: number,
): AsyncGenerator<Block, void, undefined> {
  const spare: Uint8Array[] = [];
  const take = (): Uint8Array => spare.pop() ?? new Uint8Array(blockBytes);
  const blockOf = (buffer: Uint8Array, size: number, isLast: boolean): Block => ({
    block: buffer.subarray(0, size),
    isLast,
    free: () => spare.push(buffer),
  });
  let buffer = take();
  let filled = 0;
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
  yield blockOf(buffer, filled, true);
}

async function* only(block: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield block;
}
