/** Undoes the Content-Encoding of a body (RFC 9110, section 8.4), which Nix uses for narinfos, listings and logs. */
import { pipeline } from 'node:stream';
import { createInflate, createInflateRaw } from 'node:zlib';
import { FerryError } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';
import { decompress, type DecompressOptions } from '../compression/decompress.ts';
import { printable } from './connect-error.ts';

type Decode = (
  bytes: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
) => AsyncIterable<Uint8Array>;

const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  br: 'br',
  zstd: 'zstd',
  xz: 'xz',
  bzip2: 'bzip2',
};

/** `aws-chunked` is about an upload that is over; S3 repeats it all the same. */
const PLAIN: ReadonlySet<string> = new Set(['', 'identity', 'none', 'aws-chunked']);

/** A body may be encoded twice over; more than that is nothing but work for us. */
const ENCODINGS_MAX = 2;

/** What is asked for where it helps. */
export const acceptedEncodings = 'zstd, br, gzip, deflate';

/** The encodings of a header that change the bytes, in the order in which they were applied. */
export function encodingsOf(header: string | undefined): string[] {
  return (header ?? '')
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => !PLAIN.has(encoding));
}

/**
 * @param name what messages call the body.
 * @throws FerryError `unsupported` for an encoding that isn't known, `corrupt` for a body that isn't encoded so or is
 *   longer than `bytesMax`.
 */
export function decodeContent(
  header: string | undefined,
  bytes: AsyncIterable<Uint8Array>,
  options: DecompressOptions & { readonly name: string },
): AsyncIterable<Uint8Array> {
  const encodings = encodingsOf(header);
  if (encodings.length > ENCODINGS_MAX) {
    throw new FerryError('unsupported', `cannot read "${options.name}": it is encoded too often`);
  }
  let decoded = bytes;
  for (const encoding of encodings.reverse()) {
    const compression = Object.hasOwn(COMPRESSIONS, encoding) ? COMPRESSIONS[encoding] : undefined;
    if (compression !== undefined) decoded = decompress(compression, decoded, options);
    else if (encoding === 'deflate') decoded = inflate(decoded, options);
    else throw unknownEncoding(options.name, encoding);
  }
  return decoded;
}

function unknownEncoding(name: string, encoding: string): FerryError {
  return new FerryError(
    'unsupported',
    `cannot read "${name}": its Content-Encoding "${printable(encoding)}" is not known`,
  );
}

/** With the header of zlib, as the specification wants it, or without, as many send it. */
const inflate: Decode = async function* inflate(bytes, { bytesMax, signal }) {
  const source = bytes[Symbol.asyncIterator]();
  let head = new Uint8Array(0);
  while (head.length < 2) {
    const next = await source.next();
    if (next.done === true) throw corrupt('it is empty');
    head = new Uint8Array(Buffer.concat([head, next.value]));
  }
  const [method = 0, flags = 0] = head;
  const hasHeader = (method & 15) === 8 && ((method << 8) | flags) % 31 === 0;
  const rest: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: async function* all() {
      try {
        yield head;
        for (let next = await source.next(); next.done !== true; next = await source.next()) {
          yield next.value;
        }
      } finally {
        await source.return?.();
      }
    },
  };
  const decoder = pipeline(rest, hasHeader ? createInflate() : createInflateRaw(), () => {});
  let size = 0;
  try {
    for await (const chunk of decoder as AsyncIterable<Uint8Array>) {
      signal?.throwIfAborted();
      size += chunk.length;
      if (bytesMax !== undefined && size > bytesMax) {
        throw corrupt(`it has more than ${bytesMax} bytes`);
      }
      yield new Uint8Array(chunk);
    }
  } catch (error) {
    const isZlib = error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
    if (!isZlib) throw error;
    throw corrupt(error.message, error);
  }
};

function corrupt(reason: string, cause?: unknown): FerryError {
  return new FerryError('corrupt', `cannot decompress deflate: ${reason}`, { cause });
}
