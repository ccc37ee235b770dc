/** The structure of zstd files (RFC 8878, 3): frames of blocks, and frames to be skipped, one after the other. */
import type { Fail, Part, Structure } from './structure.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a5;
/** What the decoder would keep in memory: as `zstd` itself, whose highest level takes as much. */
const WINDOW_MAX = 128 * 1024 * 1024;
const BLOCK_MAX = 128 * 1024;

const DICTIONARY_ID_SIZES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_SIZES = [0, 2, 4, 8] as const;

export function* zstdStructure(fail: Fail): Structure {
  for (let frames = 0; ; ) {
    const magic = littleEndian(yield { take: 4, mayEnd: frames > 0 });
    if (Math.floor(magic / 16) === SKIPPABLE) {
      yield { skip: littleEndian(yield { take: 4 }) };
    } else if (magic === MAGIC) {
      yield* frame(fail);
      frames += 1;
    } else {
      throw fail(frames === 0 ? 'it does not begin as zstd' : 'something else follows its end');
    }
  }
}

function* frame(fail: Fail): Part<void> {
  const descriptor = littleEndian(yield { take: 1 });
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw fail('a reserved bit of a frame is set');
  const window = isSingleSegment ? 0 : windowSize(littleEndian(yield { take: 1 }));
  const dictionaryIdSize = DICTIONARY_ID_SIZES[descriptor & 3] ?? 0;
  if (dictionaryIdSize > 0 && littleEndian(yield { take: dictionaryIdSize }) !== 0) {
    throw fail('it was made with a dictionary');
  }
  const flag = descriptor >> 6;
  const sizeSize = flag === 0 && isSingleSegment ? 1 : (CONTENT_SIZE_SIZES[flag] ?? 0);
  const contentSize = sizeSize > 0 ? littleEndian(yield { take: sizeSize }) : 0;
  if ((isSingleSegment ? contentSize : window) > WINDOW_MAX) {
    throw fail(`it takes more than ${WINDOW_MAX / 1024 / 1024} MiB of memory to decompress`);
  }
  for (;;) {
    const header = littleEndian(yield { take: 3 });
    const size = header >> 3;
    if (size > BLOCK_MAX) throw fail('a block is too large');
    const type = (header >> 1) & 3;
    if (type === 3) throw fail('a block is of no known type');
    // Of type 1 is one byte, to be repeated.
    yield { skip: type === 1 ? 1 : size };
    if ((header & 1) !== 0) break;
  }
  if ((descriptor & 0x04) !== 0) yield { skip: 4 };
}

/** RFC 8878, 3.1.1.1.2. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Of up to eight bytes; beyond 2^53 it is only approximately right, and too large for everything here. */
function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
