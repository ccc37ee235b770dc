import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  bzip2Runs,
  bzip2Zeros,
  compressedFiles,
  runs,
  text,
} from '../../../test/vectors/compression/files.ts';
import { FerryError, isFerryError } from '../../error.ts';
import { Bzip2Decoder } from './decoder.ts';

const file = compressedFiles.bzip2.text;

function decode(...pieces: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const decoder = new Bzip2Decoder((bytes) => parts.push(bytes.slice()));
  for (const piece of pieces) decoder.push(piece);
  decoder.finish();
  return new Uint8Array(Buffer.concat(parts));
}

/** What a writer of bits says: `[value, count]`, the highest bit first. */
function bits(...fields: readonly (readonly [value: number, count: number])[]): Uint8Array {
  const text = fields.map(([value, count]) => value.toString(2).padStart(count, '0')).join('');
  const bytes = text.match(/.{1,8}/g) ?? [];
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
}

const HEADER = [
  [0x425a, 16],
  [0x6839, 16],
] as const;
const BLOCK = [
  [0x3141, 16],
  [0x5926, 16],
  [0x5359, 16],
  [0, 32],
] as const;
/** Not randomised, and the first rotation is the block. */
const START = [
  [0, 1],
  [0, 24],
] as const;
/** Only the byte 0 occurs. */
const ONE_BYTE = [
  [0x8000, 16],
  [0x8000, 16],
] as const;

describe('bzip2', () => {
  test('every cut into two says the same', () => {
    for (let at = 0; at <= file.length; at += 1) {
      assert.deepEqual(decode(file.subarray(0, at), file.subarray(at)), text);
    }
  });

  test('every chunking says the same', () => {
    const bytes = new Uint8Array(Buffer.concat([file, bzip2Runs, file]));
    const whole = new Uint8Array(Buffer.concat([text, runs, text]));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1 }), (sizes) => {
        const pieces: Uint8Array[] = [];
        for (let at = 0, next = 0; at < bytes.length; next += 1) {
          const size = sizes[next % sizes.length] ?? 0;
          pieces.push(bytes.subarray(at, at + size));
          at += Math.max(size, next > 1000 ? 1 : 0);
          if (next > 1000 && size === 0) pieces.push(bytes.subarray(at - 1, at));
        }
        assert.deepEqual(decode(...pieces), whole);
      }),
      { numRuns: 50 },
    );
  });

  test('runs of every length', () => {
    assert.deepEqual(decode(bzip2Runs), runs);
  });

  test('a block that gets a million times larger comes out in small pieces', () => {
    let size = 0;
    const decoder = new Bzip2Decoder((bytes) => {
      assert.ok(bytes.length <= 64 * 1024);
      size += bytes.length;
    });
    decoder.push(bzip2Zeros);
    decoder.finish();
    assert.equal(size, 45_000_000);
  });

  test('it stays failed', () => {
    const decoder = new Bzip2Decoder(() => {});
    assert.throws(() => decoder.push(Uint8Array.of(1, 2, 3, 4)), { code: 'corrupt' });
    assert.throws(() => decoder.push(file), {
      code: 'corrupt',
      message: /does not begin as bzip2/,
    });
    assert.throws(() => decoder.finish(), { code: 'corrupt' });
  });

  test('what its receiver throws is passed on, and it stays failed', () => {
    const full = new FerryError('no-space', 'full');
    const decoder = new Bzip2Decoder(() => {
      throw full;
    });
    // It looks a little ahead: so short a file is decoded when it is known to be over.
    decoder.push(file);
    const isFull = (error: unknown): boolean => error === full;
    assert.throws(() => decoder.finish(), isFull);
    assert.throws(() => decoder.push(file), isFull);
  });

  test('checksums are compared', () => {
    const blockSum = file.slice();
    blockSum[10] = (blockSum[10] ?? 0) ^ 1;
    assert.throws(() => decode(blockSum), { message: /checksum of a block is wrong/ });
    const streamSum = file.slice();
    const last = streamSum.length - 2;
    streamSum[last] = (streamSum[last] ?? 0) ^ 0x10;
    assert.throws(() => decode(streamSum), { message: /checksum of a stream is wrong/ });
  });

  const hostile: Readonly<Record<string, Uint8Array>> = {
    'level 0': bits([0x425a, 16], [0x6830, 16]),
    'no block after a block': bits(...HEADER, [0x3141, 16], [0x5926, 16], [0x5358, 16], [0, 32]),
    'a randomised block': bits(...HEADER, ...BLOCK, [1, 1], [0, 24], [0, 64]),
    'no byte that occurs': bits(...HEADER, ...BLOCK, ...START, [0, 16], [2, 3], [1, 15], [0, 999]),
    'one table': bits(...HEADER, ...BLOCK, ...START, ...ONE_BYTE, [1, 3], [1, 15], [0, 999]),
    'seven tables': bits(...HEADER, ...BLOCK, ...START, ...ONE_BYTE, [7, 3], [1, 15], [0, 999]),
    'no selectors': bits(...HEADER, ...BLOCK, ...START, ...ONE_BYTE, [2, 3], [0, 15], [0, 999]),
    'a selector that is too large': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0b110, 3],
      [0, 999],
    ),
    'a code of no bits': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0, 1],
      [0, 5],
      [0, 999],
    ),
    'a code of 21 bits': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0, 1],
      [20, 5],
      [0b10, 2],
      [0, 999],
    ),
    'more codes than there can be': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0, 1],
      [1, 5],
      [0, 3],
      [0, 999],
    ),
    'a run without end': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [100, 15],
      [0, 100],
      [2, 5],
      [0, 3],
      [2, 5],
      [0, 3],
      [0, 4999],
    ),
    'an origin outside the block': bits(
      ...HEADER,
      ...BLOCK,
      [0, 1],
      [1, 24],
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0, 1],
      [2, 5],
      [0, 3],
      [2, 5],
      [0, 3],
      [0b00, 2],
      [0b10, 2],
      [0, 2000],
    ),
    'an empty block': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0, 1],
      [2, 5],
      [0, 3],
      [2, 5],
      [0, 3],
      [0b10, 2],
      [0, 2000],
    ),
    'symbols that need more selectors': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      [0x8000, 16],
      [0xc000, 16],
      [2, 3],
      [1, 15],
      [0, 1],
      [2, 5],
      [0, 4],
      [2, 5],
      [0, 4],
      ...Array.from({ length: 60 }, () => [0b10, 2] as const),
      [0, 2000],
    ),
    'bits that are no code': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0, 1],
      [2, 5],
      [0, 3],
      [2, 5],
      [0, 3],
      [0b11, 2],
      [0, 2000],
    ),
    // Longer and shorter and longer, for as long as there is input.
    'a length that is never settled': bits(
      ...HEADER,
      ...BLOCK,
      ...START,
      ...ONE_BYTE,
      [2, 3],
      [1, 15],
      [0, 1],
      [10, 5],
      ...Array.from({ length: 20_000 }, () => [0b1011, 4] as const),
    ),
  };
  for (const [name, bytes] of Object.entries(hostile)) {
    test(`${name} is refused, in one piece and byte by byte`, () => {
      assert.throws(
        () => decode(bytes),
        (error) => isFerryError(error, 'corrupt'),
      );
      assert.throws(
        () => decode(...Array.from(bytes, (byte) => Uint8Array.of(byte))),
        (error) => isFerryError(error, 'corrupt'),
      );
    });
  }
});
