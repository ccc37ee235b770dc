/**
 * The structure of xz files (The .xz File Format 1.2.1): streams of blocks with an index, and zeros between them. Down
 * to the chunks of LZMA2, which is where the lengths are, and from which the size of the contents is known.
 */
import { crc32 } from 'node:zlib';
import type { Fail, Part, Structure } from './structure.ts';

/** Twice what the highest level of `xz` takes. */
const DICTIONARY_MAX = 128 * 1024 * 1024;
/**
 * A dictionary is cleared for each block: many tiny ones would keep a processor busy for hours. All of them together may
 * have so many bytes, and so many more for each byte of contents; blocks of Nix and `xz` have three bytes of contents
 * for each byte of theirs.
 */
const DICTIONARIES_MIN = 1024 * 1024 * 1024;
const DICTIONARIES_RATIO = 64;

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] as const;
const HEADER_SIZE = 12;
const LZMA2 = 0x21;
const NO_MORE_BLOCKS = 0;
/** Bytes of the check of each block, by its type: none, CRC32, CRC64, SHA-256 and those that nobody uses. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;

/**
 * Streams without contents one after the other. The library calls itself for each, and some hundreds of them end the
 * whole process; nobody writes more than one.
 */
const EMPTY_STREAMS_MAX = 8;

/** What the blocks add up to. */
interface Totals {
  contents: number;
  dictionaries: number;
}

/** @param totals counts along */
export function* xzStructure(fail: Fail, totals: Totals): Structure {
  let empty = 0;
  for (let streams = 0; ; ) {
    // Padding comes in words of four, and so does all else.
    const word = Uint8Array.from(yield { take: 4, mayEnd: streams > 0 });
    if (streams > 0 && word.every((byte) => byte === 0)) continue;
    const header = new Uint8Array(HEADER_SIZE);
    header.set(word);
    header.set(yield { take: HEADER_SIZE - 4 }, 4);
    if (MAGIC.some((byte, at) => header[at] !== byte)) {
      throw fail(streams === 0 ? 'it does not begin as xz' : 'something else follows its end');
    }
    const before = totals.contents;
    yield* stream(fail, header, totals);
    streams += 1;
    empty = totals.contents === before ? empty + 1 : 0;
    if (empty > EMPTY_STREAMS_MAX) throw fail('it has too many streams without contents');
  }
}

function* stream(fail: Fail, header: Uint8Array, totals: Totals): Part<void> {
  const flags = header.subarray(6, 8);
  if (crc32(flags) !== u32(header, 8)) throw fail('the header of a stream is damaged');
  const checkSize = CHECK_SIZES[header[7] ?? 0];
  if (header[6] !== 0 || checkSize === undefined) throw fail('a stream has unknown flags');
  let blocks = 0;
  for (;;) {
    const first = byteOf(yield { take: 1 });
    if (first === NO_MORE_BLOCKS) break;
    yield* block(fail, first, checkSize, totals);
    blocks += 1;
  }
  const indexSize = yield* index(fail, blocks);
  const footer = yield { take: HEADER_SIZE };
  const isWhole =
    crc32(footer.subarray(4, 10)) === u32(footer, 0) &&
    (u32(footer, 4) + 1) * 4 === indexSize &&
    footer[8] === header[6] &&
    footer[9] === header[7] &&
    footer[10] === 0x59 &&
    footer[11] === 0x5a;
  if (!isWhole) throw fail('the end of a stream is damaged');
}

function* block(fail: Fail, first: number, checkSize: number, totals: Totals): Part<void> {
  const header = new Uint8Array((first + 1) * 4);
  header[0] = first;
  header.set(yield { take: header.length - 1 }, 1);
  const end = header.length - 4;
  if (crc32(header.subarray(0, end)) !== u32(header, end)) {
    throw fail('the header of a block is damaged');
  }
  const dictionary = dictionarySize(fail, header.subarray(1, end));
  if (dictionary > DICTIONARY_MAX) {
    throw fail(`it takes more than ${DICTIONARY_MAX / 1024 / 1024} MiB of memory to decompress`);
  }
  totals.dictionaries += dictionary;
  if (totals.dictionaries > DICTIONARIES_MIN + DICTIONARIES_RATIO * totals.contents) {
    throw fail('its blocks are too small for the memory that they take');
  }
  const size = yield* chunks(fail, totals);
  const padding = -size & 3;
  if (padding > 0 && (yield { take: padding }).some((byte) => byte !== 0)) {
    throw fail('the padding of a block is not zero');
  }
  yield { skip: checkSize };
}

/** What the header of a block says of its last filter, which must be LZMA2. */
function dictionarySize(fail: Fail, header: Uint8Array): number {
  const flags = header[0] ?? 0;
  if ((flags & 0x3c) !== 0) throw fail('a block has unknown flags');
  const at = { value: 1 };
  if ((flags & 0x40) !== 0) integer(fail, header, at);
  if ((flags & 0x80) !== 0) integer(fail, header, at);
  for (let others = flags & 3; others > 0; others -= 1) {
    integer(fail, header, at);
    at.value += integer(fail, header, at);
  }
  const isLzma2 = integer(fail, header, at) === LZMA2 && integer(fail, header, at) === 1;
  const bits = header[at.value];
  if (!isLzma2 || bits === undefined || bits > 40)
    throw fail('a block is compressed in no known way');
  return (2 + (bits & 1)) * 2 ** ((bits >> 1) + 11);
}

/** The chunks of LZMA2; how many bytes they are. */
function* chunks(fail: Fail, totals: Totals): Part<number> {
  for (let size = 0; ; ) {
    const control = byteOf(yield { take: 1 });
    if (control === 0) return size + 1;
    if (control >= 0x80) {
      // From 0xc0 on a byte of properties comes between the lengths and the data.
      const properties = control >= 0xc0 ? 1 : 0;
      const lengths = yield { take: 4 };
      const compressed = u16(lengths, 2) + 1;
      totals.contents += ((control & 0x1f) << 16) + u16(lengths, 0) + 1;
      yield { skip: properties + compressed };
      size += 5 + properties + compressed;
    } else if (control <= 2) {
      const length = u16(yield { take: 2 }, 0) + 1;
      totals.contents += length;
      yield { skip: length };
      size += 3 + length;
    } else {
      throw fail('a block is damaged');
    }
  }
}

/** The index after its first byte; how many bytes it is with that. */
function* index(fail: Fail, blocks: number): Part<number> {
  const sum = { size: 1, crc: crc32(new Uint8Array(1)) };
  const records = yield* indexInteger(fail, sum);
  if (records !== blocks) throw fail('the index of a stream is wrong');
  for (let left = records * 2; left > 0; left -= 1) yield* indexInteger(fail, sum);
  const padding = -sum.size & 3;
  if (padding > 0) {
    const zeros = yield { take: padding };
    if (zeros.some((byte) => byte !== 0)) throw fail('the index of a stream is wrong');
    sum.crc = crc32(zeros, sum.crc);
  }
  if (u32(yield { take: 4 }, 0) !== sum.crc) throw fail('the index of a stream is damaged');
  return sum.size + padding + 4;
}

function* indexInteger(fail: Fail, sum: { size: number; crc: number }): Part<number> {
  let value = 0;
  for (let length = 1; ; length += 1) {
    const bytes = yield { take: 1 };
    const byte = byteOf(bytes);
    sum.size += 1;
    sum.crc = crc32(bytes, sum.crc);
    value += (byte & 0x7f) * 2 ** (7 * (length - 1));
    if (byte < 0x80) return value;
    if (length === 9) throw fail('the index of a stream is wrong');
  }
}

/** An integer of the header of a block, seven bits to the byte. */
function integer(fail: Fail, bytes: Uint8Array, at: { value: number }): number {
  let value = 0;
  for (let length = 0; length < 9; length += 1) {
    const byte = bytes[at.value];
    if (byte === undefined) break;
    at.value += 1;
    value += (byte & 0x7f) * 2 ** (7 * length);
    if (byte < 0x80) return value;
  }
  throw fail('the header of a block is wrong');
}

function byteOf(bytes: Uint8Array): number {
  return bytes[0] ?? 0;
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

function u32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
}
