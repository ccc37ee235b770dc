/**
 * Compressing in blocks of a few MiB that know nothing of one another's compressors, so that several can be at work at
 * the same time, and a thread needs no stream: zstd as frames one after the other, gzip as one member whose blocks are
 * flushed to whole bytes, each with the 32 KiB before it as its dictionary.
 *
 * The bytes depend on the contents and the level alone.
 */
import type * as nodeZlib from 'node:zlib';

export type BlockCompression = 'zstd' | 'gzip';

/** Larger ones gain nothing: the window of zstd's usual level is 2 MiB. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** How far back deflate can refer. */
const DEFLATE_WINDOW = 32 * 1024;

export interface BlockCodec {
  /** Every block has so many bytes but for the last. */
  readonly blockBytes: number;
  /** What stands before the first block. */
  readonly head: Uint8Array;
  /**
   * Prepares the next block, in their order; the bytes must stay as they are until it is compressed. The last one may
   * be empty only if it is the first.
   */
  next(block: Uint8Array, isLast: boolean): BlockJob;
  /** What stands after the last block. */
  tail(): Uint8Array;
}

/** To be run once, in one way or the other. What comes out may be a view on a buffer for the worst case: see `discard`. */
export interface BlockJob {
  /** Here and now. */
  runSync(): Uint8Array;
  /** On a thread of Node's pool. */
  run(): Promise<Uint8Array>;
}

export function blockCodec(compression: BlockCompression, level: number): BlockCodec {
  return compression === 'zstd' ? new ZstdFrames(level) : new GzipBlocks(level);
}

/** Gives back the memory of a block's result once it was copied, and not when the collector next comes by. */
export function discard(result: Uint8Array): void {
  const { buffer } = result;
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= WORTH_IT) buffer.transfer(0);
}

/** What is much smaller may be a part of the memory that Node's buffers share. */
const WORTH_IT = 1024 * 1024;

/** Loaded when something is compressed and not before: most jobs of a thread are none of that. */
function zlib(): typeof nodeZlib {
  return process.getBuiltinModule('node:zlib');
}

class ZstdFrames implements BlockCodec {
  readonly blockBytes = BLOCK_BYTES;
  readonly head = new Uint8Array(0);
  readonly #level: number;

  constructor(level: number) {
    this.#level = level;
  }

  next(block: Uint8Array): BlockJob {
    const options: nodeZlib.ZstdOptions = {
      params: { [zlib().constants.ZSTD_c_compressionLevel]: this.#level },
      pledgedSrcSize: block.length,
      // The most that libzstd may need: it then writes where the result is wanted, and needs no buffers of its own.
      chunkSize: block.length + (block.length >> 8) + 1024,
    };
    return {
      runSync: () => zlib().zstdCompressSync(block, options),
      run: () => resultOf((done) => zlib().zstdCompress(block, options, done)),
    };
  }

  tail(): Uint8Array {
    return new Uint8Array(0);
  }
}

/** RFC 1952, without a name or a time: the same input gives the same bytes. */
const GZIP_HEAD = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] as const;

class GzipBlocks implements BlockCodec {
  readonly blockBytes = BLOCK_BYTES;
  readonly head = new Uint8Array(GZIP_HEAD);
  readonly #level: number;
  #window: Uint8Array | undefined;
  #crc = 0;
  #size = 0;

  constructor(level: number) {
    this.#level = level;
  }

  next(block: Uint8Array, isLast: boolean): BlockJob {
    const dictionary = this.#window;
    this.#crc = zlib().crc32(block, this.#crc);
    this.#size += block.length;
    this.#window = isLast ? undefined : new Uint8Array(block.subarray(-DEFLATE_WINDOW));
    const options: nodeZlib.ZlibOptions = {
      level: this.#level,
      finishFlush: isLast ? zlib().constants.Z_FINISH : zlib().constants.Z_SYNC_FLUSH,
      // Deflate's own bound: five bytes for each 16 KiB that doesn't get smaller.
      chunkSize: block.length + (block.length >> 11) + 1024,
      ...(dictionary === undefined ? {} : { dictionary }),
    };
    return {
      runSync: () => zlib().deflateRawSync(block, options),
      run: () => resultOf((done) => zlib().deflateRaw(block, options, done)),
    };
  }

  tail(): Uint8Array {
    const tail = new DataView(new ArrayBuffer(8));
    tail.setUint32(0, this.#crc, true);
    tail.setUint32(4, this.#size % 0x1_0000_0000, true);
    return new Uint8Array(tail.buffer);
  }
}

function resultOf(
  start: (done: (error: Error | null, result: Uint8Array) => void) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error === null ? resolve(result) : reject(error)));
  });
}
