/** Compresses a stream, away from the main thread. Trees are compressed where they are packed: see `TreeWorkers.pack`. */
import { availableParallelism } from 'node:os';
import { createBrotliCompress, constants } from 'node:zlib';
import type { Compression } from '../../format/compression.ts';
import { blockCodec } from './block-codec.ts';
import { blocksOf, compressBlocks, inBlocks, type Block } from './blocks.ts';
import { ChunkCutter } from './chunk-cutter.ts';
import { resolveLevel } from './levels.ts';
import { pull } from './pull.ts';
import { throughZlib } from './through-zlib.ts';
import { compressXz } from './xz.ts';

export interface CompressOptions {
  /** As Nix's `compression-level`: what is sensible differs with the method; −1 or nothing is its default. */
  readonly level?: number | undefined;
  /**
   * Whether several processors work on one stream. Default: as the method has it. zstd and gzip give the same bytes
   * either way, and do so unless it is false. xz doesn't unless it is true: it takes 120 MB for each processor, and
   * what it gives is a few in a hundred larger.
   */
  readonly parallel?: boolean | undefined;
  /** Bytes of the chunks that come out, at most. Default 256 KiB. */
  readonly chunkBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Processors that work on one stream, at most. */
const PARALLEL_MAX = 4;
/** A block of xz in parallel: three times the dictionary of its usual level. */
const XZ_BLOCK_BYTES = 24 * 1024 * 1024;
/** What brotli gets at a time. */
const BROTLI_PIECE_BYTES = 256 * 1024;

/**
 * The compressed bytes, in chunks that are the caller's, each in memory of its own. They are the same for the same
 * contents, level and `parallel`, in whatever chunks the contents come. The last chunk taken from `bytes` isn't looked
 * at any more once the next is asked for.
 * @throws FerryError `unsupported` for what is only read (bzip2, lzip), or where the library for `xz` is missing; `usage`
 *   for a level that there isn't; what the source throws; the signal's reason
 */
export async function* compress(
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
  options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { parallel, chunkBytes, signal } = options;
  const level = resolveLevel(compression, options.level);
  const source = pull(bytes, signal);
  const width = Math.min(availableParallelism(), PARALLEL_MAX);
  switch (compression) {
    case 'none':
      yield* source;
      break;
    case 'zstd':
    case 'gzip': {
      const codec = blockCodec(compression, level);
      yield* pull(
        compressBlocks(codec, source, { width: parallel === false ? 1 : width, chunkBytes }),
        signal,
      );
      break;
    }
    case 'xz':
      yield* pull(
        parallel === true
          ? inBlocks(source, XZ_BLOCK_BYTES, width, (block) => compressXz(block, level, chunkBytes))
          : compressXz(source, level, chunkBytes),
        signal,
      );
      break;
    case 'br':
      yield* pull(compressBrotli(source, level, chunkBytes), signal);
      break;
    case 'bzip2':
    case 'lzip':
      // Refused by `resolveLevel`.
      break;
  }
}

async function* compressBrotli(
  bytes: AsyncIterable<Uint8Array>,
  level: number,
  chunkBytes: number | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const ready: Uint8Array[] = [];
  const cutter = new ChunkCutter((chunk) => ready.push(chunk), chunkBytes);
  const engine = createBrotliCompress({
    chunkSize: 128 * 1024,
    params: { [constants.BROTLI_PARAM_QUALITY]: level },
  });
  // Brotli's output depends on where its input is cut, and must not.
  for await (const chunk of throughZlib(engine, pieces(blocksOf(bytes, BROTLI_PIECE_BYTES)))) {
    cutter.push(chunk);
    yield* ready.splice(0);
  }
  cutter.flush();
  yield* ready;
}

async function* pieces(blocks: AsyncIterable<Block>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { block, free } of blocks) {
    if (block.length > 0) yield block;
    free();
  }
}
