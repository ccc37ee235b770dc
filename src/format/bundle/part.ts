/**
 * The parts of a bundle that was split for media: each a file of its own, with a header that says which bundle it belongs
 * to, which bytes of it these are, and whether it is the last. Put together without their headers they are the bundle.
 */
import { readU64 } from '../../bytes/byte-reader.ts';
import { ByteWriter } from '../../bytes/byte-writer.ts';
import { encodeBase16 } from '../../bytes/base16.ts';
import { FerryError } from '../../error.ts';
import { bundleVersion, digestBytes, requireVersion, sameBytes, sha256 } from './layout.ts';
import { bundlePartMagic, isBundlePart, magicBytes } from './magic.ts';

export interface BundlePart {
  /** That of the bundle: see `BundleHeader`. */
  readonly id: Uint8Array;
  /** From 1. */
  readonly number: number;
  readonly isLast: boolean;
  /** Which byte of the bundle is the first of it. */
  readonly offset: number;
  /** Bytes of the bundle in it. */
  readonly size: number;
  /** SHA-256 of those. */
  readonly hash: Uint8Array;
}

/** Bytes of the header, in front of the bundle's own. */
export const partHeaderBytes: number = magicBytes + 8 + digestBytes + 4 * 8 + 2 * digestBytes;
/** The most parts that a bundle has: three digits name them. */
export const partsMax = 999;

export function encodePartHeader(part: BundlePart): Uint8Array {
  const writer = new ByteWriter(partHeaderBytes);
  writer.raw(bundlePartMagic);
  writer.u64(bundleVersion);
  writer.raw(part.id);
  writer.u64(part.number);
  writer.u64(part.isLast ? 1 : 0);
  writer.u64(part.offset);
  writer.u64(part.size);
  writer.raw(part.hash);
  const fields = writer.take();
  writer.raw(fields);
  writer.raw(sha256(fields));
  return writer.take();
}

/** @throws FerryError `corrupt`, `unsupported` for a later version */
export function decodePartHeader(bytes: Uint8Array): BundlePart {
  if (!isBundlePart(bytes)) {
    throw new FerryError('corrupt', 'it does not begin as a part of a bundle does');
  }
  if (bytes.length < partHeaderBytes) throw new FerryError('corrupt', 'its header is cut');
  requireVersion(readU64(bytes, magicBytes));
  const checked = partHeaderBytes - digestBytes;
  if (!sameBytes(bytes.subarray(checked, partHeaderBytes), sha256(bytes.subarray(0, checked)))) {
    throw new FerryError('corrupt', 'its header does not have the checksum that ends it');
  }
  const idAt = magicBytes + 8;
  const numbersAt = idAt + digestBytes;
  const [number, last, offset, size] = [0, 8, 16, 24].map((at) => readU64(bytes, numbersAt + at));
  const isSound =
    number !== undefined &&
    offset !== undefined &&
    size !== undefined &&
    number >= 1 &&
    number <= partsMax &&
    (last === 0 || last === 1) &&
    offset >= 0 &&
    size >= 0 &&
    (number === 1) === (offset === 0);
  if (!isSound) throw new FerryError('corrupt', 'its header makes no sense');
  return {
    id: bytes.slice(idAt, idAt + digestBytes),
    number,
    isLast: last === 1,
    offset,
    size,
    hash: bytes.slice(numbersAt + 32, numbersAt + 32 + digestBytes),
  };
}

/** `FILE.001` */
export function partName(file: string, number: number): string {
  return `${file}.${String(number).padStart(3, '0')}`;
}

/** The name of the whole and the number, of what is named like a part. */
export function splitPartName(name: string): { file: string; number: number } | undefined {
  const match = /^(.+)\.(\d{3})$/s.exec(name);
  if (match?.[1] === undefined || match[2] === undefined || match[2] === '000') return undefined;
  return { file: match[1], number: Number(match[2]) };
}

/** A part and where it comes from, for messages. */
export interface NamedPart {
  readonly name: string;
  readonly part: BundlePart;
}

/**
 * In their order. Each is there once, and fits to the one before it.
 * @throws FerryError `usage` for a part that is missing, foreign or given twice: it is named
 */
export function orderParts<Part extends NamedPart>(parts: readonly Part[]): Part[] {
  const sorted = parts.toSorted((a, b) => a.part.number - b.part.number);
  // Of several bundles, the one that most parts are of is meant.
  const groups = [...Map.groupBy(parts, ({ part }) => encodeBase16(part.id)).values()];
  const own = groups.reduce((most, some) => (some.length > most.length ? some : most), []);
  const foreign = parts.find((each) => !own.includes(each));
  if (foreign !== undefined) {
    const [first] = own;
    throw new FerryError(
      'usage',
      `"${foreign.name}" is a part of another bundle than "${first?.name ?? ''}"`,
      { path: foreign.name },
    );
  }
  let offset = 0;
  for (const [index, { name, part }] of sorted.entries()) {
    const before = sorted[index - 1];
    if (part.number === before?.part.number) {
      throw new FerryError('usage', `"${name}" and "${before.name}" are the same part`);
    }
    if (part.number !== index + 1) throw missing(index + 1, name);
    if (part.offset !== offset || before?.part.isLast === true) {
      throw new FerryError('corrupt', `"${name}" does not follow on "${before?.name ?? ''}"`);
    }
    offset += part.size;
  }
  const last = sorted.at(-1);
  if (last?.part.isLast === false) throw missing(last.part.number + 1, last.name);
  return sorted;
}

function missing(number: number, beside: string): FerryError {
  const file = splitPartName(beside)?.file;
  const name = file === undefined ? '' : `, "${partName(file, number)}"`;
  return new FerryError('not-found', `part ${number} of the bundle is missing${name}`, {
    hint: 'all parts are needed, in any order',
  });
}
