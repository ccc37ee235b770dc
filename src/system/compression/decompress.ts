/**
 * Undoes a compression, as a stream, away from the main thread. Strict where the libraries are lenient: a file is whole,
 * ends where it ends, and takes no more memory than its sender could fairly ask for.
 */
import * as zlib from 'node:zlib';
import { FerryError } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';
import { cannotDecompress, hasGarbage, isCutShort, libraryError } from './corrupt.ts';
import { decompressOnThread } from './on-thread.ts';
import { pull } from './pull.ts';
import { StructureWalker } from './structure.ts';
import { throughZlib, type ZlibEngine } from './through-zlib.ts';
import { decompressXz } from './xz.ts';
import { xzStructure } from './xz-structure.ts';
import { zstdStructure } from './zstd-structure.ts';

export interface DecompressOptions {
  /** More output than so many bytes is refused with `corrupt`, as soon as there is one more. */
  readonly bytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a chunk of output. Smaller ones cost `zstd` a quarter of its speed. */
const CHUNK_BYTES = 128 * 1024;

/**
 * Bytes that may go in one after the other while nothing comes out: frames to be skipped, padding, indices. No file has
 * as many, but one that never ends has.
 */
const QUIET_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The bytes that were compressed. Concatenated files are one file, where the method has that: all but `br`. Each chunk
 * is the caller's, in memory of its own; for `none` they are those that come.
 * @throws FerryError `corrupt` for what is malformed, cut short, empty, followed by something else, or longer than
 *   `bytesMax`; `unsupported` where the library for `xz` is missing; what the source throws; the signal's reason
 */
export async function* decompress(
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
  options: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { bytesMax = Number.POSITIVE_INFINITY, signal } = options;
  let size = 0;
  let quietBytes = 0;
  const source = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of pull(bytes, signal)) {
      quietBytes += chunk.length;
      if (quietBytes > QUIET_BYTES_MAX) {
        throw cannotDecompress(compression, `nothing comes out of ${QUIET_BYTES_MAX} bytes of it`);
      }
      yield chunk;
    }
  };
  for await (const chunk of pull(decoded(compression, source(), signal), signal)) {
    quietBytes = 0;
    size += chunk.length;
    if (size > bytesMax) {
      throw cannotDecompress(compression, `more than ${bytesMax} bytes come out of it`);
    }
    yield chunk;
  }
}

function decoded(
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return throughEngine('gzip', zlib.createGunzip({ chunkSize: CHUNK_BYTES }), bytes);
    case 'br':
      return throughEngine('br', zlib.createBrotliDecompress({ chunkSize: CHUNK_BYTES }), bytes);
    case 'zstd': {
      const walker = new StructureWalker('zstd', zstdStructure);
      const engine = zlib.createZstdDecompress({ chunkSize: CHUNK_BYTES });
      return throughEngine('zstd', engine, checked(bytes, walker));
    }
    case 'xz': {
      const totals = { contents: 0, dictionaries: 0 };
      const walker = new StructureWalker('xz', (fail) => xzStructure(fail, totals));
      return decompressXz(checked(bytes, walker), () => totals.contents);
    }
    case 'bzip2':
    case 'lzip':
      return decompressOnThread(compression, bytes, signal);
  }
}

async function* checked(
  bytes: AsyncIterable<Uint8Array>,
  walker: StructureWalker,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of bytes) {
    walker.push(chunk);
    yield chunk;
  }
  walker.finish();
}

async function* throughEngine(
  compression: Compression,
  engine: ZlibEngine,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let end;
  try {
    end = yield* throughZlib(engine, bytes);
  } catch (error) {
    throw translated(compression, error, engine.bytesWritten);
  }
  const { fed, consumed } = end;
  if (consumed < fed) throw hasGarbage(compression, consumed);
}

function translated(compression: Compression, error: unknown, offset: number): unknown {
  // Of the source, or of the walker.
  if (error instanceof FerryError || !isZlibError(error)) return error;
  if (error.code === 'Z_BUF_ERROR') return isCutShort(compression, offset, { cause: error });
  return libraryError(compression, error);
}

function isZlibError(error: unknown): error is Error & { readonly code: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'errno' in error &&
    /^(Z_|ZSTD_|ERR_)/.test(error.code)
  );
}
