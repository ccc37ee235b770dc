/**
 * How a bundle is laid out, byte by byte (docs/design/bundle.md): header, frames, index, footer. All numbers are unsigned,
 * little-endian, of 64 bits. Every length follows from the manifest and the index, so that none has to be believed.
 */
import { readU64 } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { FerryError } from '../../error.ts';
import { crypto } from '../crypto.ts';
import { bundleMagic, magicBytes } from './magic.ts';

/** The only one there is. What an older reader can't do without understanding it raises this number. */
export const bundleVersion = 1;

/** Bytes of a SHA-256. */
export const digestBytes = 32;
/** Magic, version and the size of the manifest. */
export const preambleBytes: number = magicBytes + 16;
/** Bytes of the longest manifest: some 250,000 paths. */
export const manifestBytesMax: number = 256 * 1024 * 1024;
/** Bytes of a piece: all of a frame but the last, which is shorter and may be empty. */
export const pieceBytes: number = 1024 * 1024;
/** What is in front of each piece: its length. */
export const pieceHeadBytes = 8;
/** A size and a hash. */
export const entryBytes: number = 8 + digestBytes;
/** The root and the magic again. */
export const footerBytes: number = digestBytes + magicBytes;

/** What the index says of a frame. */
export interface FrameEntry {
  /** Bytes of the compressed NAR. */
  readonly fileSize: number;
  /** SHA-256 of the compressed NAR. */
  readonly fileHash: Uint8Array;
}

/** Bytes of a whole frame, with the lengths of its pieces and its seal. */
export function frameBytes(fileSize: number): number {
  const pieces = Math.floor(fileSize / pieceBytes) + 1;
  return fileSize + pieces * pieceHeadBytes + digestBytes;
}

/** A frame is no longer than any way of compressing makes its NAR: else one that never ends would be read for ever. */
export function fileSizeMax(narSize: number): number {
  return 2 * narSize + pieceBytes;
}

export interface BundleHeader {
  readonly bytes: Uint8Array;
  /** Names the bundle: the hash that ends the header. */
  readonly id: Uint8Array;
}

/** @param manifest its text. @throws FerryError `unsupported` for one that nobody would read */
export function encodeHeader(manifest: string): BundleHeader {
  const text = new TextEncoder().encode(manifest);
  if (text.length > manifestBytesMax) {
    throw new FerryError(
      'unsupported',
      `cannot make a bundle: its manifest would have ${text.length} bytes, and ${manifestBytesMax} is the most`,
      { hint: 'make several, of some of the paths each' },
    );
  }
  const writer = new ByteWriter(preambleBytes + text.length + digestBytes);
  writer.raw(bundleMagic);
  writer.u64(bundleVersion);
  writer.u64(text.length);
  writer.raw(text);
  const before = writer.take();
  const id = sha256(before);
  writer.raw(before);
  writer.raw(id);
  return { bytes: writer.take(), id };
}

/**
 * The bytes of the manifest, from the first of the header.
 * @throws FerryError `corrupt`, `unsupported` for a later version
 */
export function decodePreamble(bytes: Uint8Array): number {
  if (bundleMagic.some((byte, index) => bytes[index] !== byte)) throw noBundle();
  requireVersion(readU64(bytes, magicBytes));
  const size = readU64(bytes, magicBytes + 8);
  if (size >= 0 && size <= manifestBytesMax) return size;
  throw new FerryError('corrupt', `its manifest claims more than ${manifestBytesMax} bytes`);
}

export function noBundle(): FerryError {
  return new FerryError('corrupt', 'it does not begin as a bundle does');
}

/** @throws FerryError `unsupported` */
export function requireVersion(version: number): void {
  if (version === bundleVersion) return;
  throw new FerryError(
    'unsupported',
    `it is of version ${version}, and ${bundleVersion} is known`,
    {
      hint: 'a newer ferry may read it',
    },
  );
}

/** What ends a frame: it belongs to this bundle, at this place, with these contents. */
export function sealOf(id: Uint8Array, number: number, fileHash: Uint8Array): Uint8Array {
  const writer = new ByteWriter(80);
  writer.raw(id);
  writer.u64(number);
  writer.raw(fileHash);
  return sha256(writer.take());
}

/** Index and footer. */
export function encodeEnd(id: Uint8Array, entries: readonly FrameEntry[]): Uint8Array {
  const writer = new ByteWriter(entries.length * entryBytes + footerBytes);
  for (const { fileSize, fileHash } of entries) {
    writer.u64(fileSize);
    writer.raw(fileHash);
  }
  const index = writer.take();
  writer.raw(index);
  writer.raw(rootOf(id, index));
  writer.raw(bundleMagic);
  return writer.take();
}

/**
 * The index, from all that follows the frames.
 * @param count how many frames there are
 * @throws FerryError `corrupt`
 */
export function decodeEnd(id: Uint8Array, bytes: Uint8Array, count: number): FrameEntry[] {
  const indexSize = count * entryBytes;
  if (bytes.length !== indexSize + footerBytes) throw new FerryError('corrupt', 'its end is cut');
  const index = bytes.subarray(0, indexSize);
  const root = bytes.subarray(indexSize, indexSize + digestBytes);
  if (bundleMagic.some((byte, at) => bytes[indexSize + digestBytes + at] !== byte)) {
    throw new FerryError('corrupt', 'it does not end as a bundle does');
  }
  if (!sameBytes(root, rootOf(id, index))) {
    throw new FerryError('corrupt', 'its index does not have the checksum that ends it');
  }
  return Array.from({ length: count }, (_, number) => {
    const at = number * entryBytes;
    const fileSize = readU64(index, at);
    if (fileSize < 0) throw new FerryError('corrupt', `frame ${number} has an impossible size`);
    return { fileSize, fileHash: index.slice(at + 8, at + entryBytes) };
  });
}

/** Over what names all other bytes: the one checksum of the whole. */
function rootOf(id: Uint8Array, index: Uint8Array): Uint8Array {
  return new Uint8Array(crypto().createHash('sha256').update(id).update(index).digest());
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(crypto().createHash('sha256').update(bytes).digest());
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
