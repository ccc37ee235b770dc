/**
 * Where a packing thread leaves the NAR: as it is, or compressed. Each fills the buffers that contents are read into,
 * so that they are copied no more often than needed.
 */
import { FerryError } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';
import { blockCodec, discard, type BlockCodec } from '../compression/block-codec.ts';
import { ChunkCutter } from '../compression/chunk-cutter.ts';
import { resolveLevel } from '../compression/levels.ts';

export interface Outlet extends Disposable {
  /** The buffer to fill next: as the `nextBuffer` of a NAR encoder. */
  nextBuffer(): Uint8Array;
  /** What was filled of that buffer, from its beginning. */
  take(chunk: Uint8Array): void;
  /** All was taken. */
  end(): void;
}

/** Gets chunks in memory of their own. */
export type Send = (chunk: Uint8Array<ArrayBuffer>) => void;

/** @throws FerryError `unsupported`, `usage`: see `resolveLevel` */
export function openOutlet(
  compression: Compression,
  level: number | undefined,
  chunkBytes: number,
  send: Send,
): Outlet {
  const resolved = resolveLevel(compression, level);
  switch (compression) {
    case 'none':
      return new PlainOutlet(chunkBytes, send);
    case 'zstd':
    case 'gzip':
      return new BlockOutlet(blockCodec(compression, resolved), chunkBytes, send);
    case 'xz':
    case 'br':
    case 'bzip2':
    case 'lzip':
      throw new FerryError('internal', `a thread got ${compression} to compress with`);
  }
}

/** Buffers that were not sent, for the next job of this thread. */
const spare: { chunk?: Uint8Array<ArrayBuffer>; block?: Uint8Array<ArrayBuffer> } = {};

/** A buffer of a chunk goes out as soon as it is full. */
class PlainOutlet implements Outlet {
  readonly #chunkBytes: number;
  readonly #send: Send;
  #buffer: Uint8Array<ArrayBuffer> | undefined;

  constructor(chunkBytes: number, send: Send) {
    this.#chunkBytes = chunkBytes;
    this.#send = send;
  }

  nextBuffer(): Uint8Array {
    this.#buffer ??= takeSpare('chunk', this.#chunkBytes);
    return this.#buffer;
  }

  take(chunk: Uint8Array): void {
    const whole = this.#buffer;
    // The last chunk is copied out of a buffer that it fills less than half.
    if (whole === undefined || chunk.length < whole.length / 2) {
      this.#send(new Uint8Array(chunk));
    } else {
      this.#buffer = undefined;
      this.#send(whole.subarray(0, chunk.length));
    }
  }

  end(): void {}

  [Symbol.dispose](): void {
    if (this.#buffer !== undefined) spare.chunk = this.#buffer;
  }
}

/** Bytes that a block's buffer has beyond the block: more than an encoder ever needs at once. */
const SLACK = 64 * 1024;

/** Blocks of exactly the codec's size, so that the bytes are those that a stream of the same contents gives. */
class BlockOutlet implements Outlet {
  readonly #codec: BlockCodec;
  readonly #cutter: ChunkCutter;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #filled = 0;

  constructor(codec: BlockCodec, chunkBytes: number, send: Send) {
    this.#codec = codec;
    this.#cutter = new ChunkCutter(send, chunkBytes);
    this.#buffer = takeSpare('block', codec.blockBytes + SLACK);
    this.#cutter.push(codec.head);
  }

  nextBuffer(): Uint8Array {
    return this.#buffer.subarray(this.#filled);
  }

  take(chunk: Uint8Array): void {
    this.#filled += chunk.length;
    const { blockBytes } = this.#codec;
    // What follows a block shows that it isn't the last.
    if (this.#filled <= blockBytes) return;
    this.#compress(blockBytes, false);
    this.#buffer.copyWithin(0, blockBytes, this.#filled);
    this.#filled -= blockBytes;
  }

  end(): void {
    this.#compress(this.#filled, true);
    this.#cutter.push(this.#codec.tail());
    this.#cutter.flush();
  }

  #compress(size: number, isLast: boolean): void {
    const result = this.#codec.next(this.#buffer.subarray(0, size), isLast).runSync();
    this.#cutter.push(result);
    discard(result);
  }

  [Symbol.dispose](): void {
    spare.block = this.#buffer;
  }
}

function takeSpare(kind: keyof typeof spare, size: number): Uint8Array<ArrayBuffer> {
  const buffer = spare[kind];
  delete spare[kind];
  return buffer?.length === size ? buffer : newBuffer(size);
}

function newBuffer(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
}
