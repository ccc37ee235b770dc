import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { ZstdDecoder } from './zstd-decoder.ts';

/** Contents that are neither endless repetition nor noise. */
function sample(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0, x = 1; i < size; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff;
    bytes[i] = (i >> 9) & 1 ? x >> 16 : i & 0xff;
  }
  return bytes;
}

function decode(pieces: Iterable<Uint8Array>): Uint8Array {
  const chunks: Uint8Array[] = [];
  using decoder = new ZstdDecoder((contents) => chunks.push(new Uint8Array(contents)));
  for (const piece of pieces) decoder.push(piece);
  decoder.finish();
  return Buffer.concat(chunks);
}

function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('zstd, decompressed at once', () => {
  test('is what this Node can do', () => {
    assert.equal(ZstdDecoder.isAvailable, true);
  });

  test('several frames, in every chunking', () => {
    const contents = sample(700_000);
    const frames = [...cut(contents, 300_000), new Uint8Array(0)].map((part) =>
      zstdCompressSync(part, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
    );
    const compressed = Buffer.concat(frames);
    for (const size of [1, 7, 1000, 65536, compressed.length]) {
      assert.equal(Buffer.compare(decode(cut(compressed, size)), contents), 0, `${size} bytes`);
    }
  });

  test('is what the library makes of it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 5000 }),
        fc.integer({ min: 1, max: 99 }),
        (bytes, size) => {
          const compressed = zstdCompressSync(bytes);
          const decoded = decode(cut(compressed, size));
          assert.equal(Buffer.compare(decoded, zstdDecompressSync(compressed)), 0);
        },
      ),
    );
  });

  test('cut short anywhere it is refused', () => {
    const compressed = zstdCompressSync(sample(100_000));
    for (let length = 0; length < compressed.length; length += 997) {
      assert.throws(() => decode([compressed.subarray(0, length)]), {
        code: 'corrupt',
        message: /cut short/,
      });
    }
  });

  test('damage is found where there is a checksum, and never hangs where there is none', () => {
    const contents = sample(50_000);
    const params = { [constants.ZSTD_c_checksumFlag]: 1 };
    const whole = zstdCompressSync(contents, { params });
    for (let at = 0; at < whole.length; at += 331) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      assert.throws(() => decode([damaged]), { code: 'corrupt' }, `byte ${at}`);
    }
    const unchecked = zstdCompressSync(contents);
    for (let at = 0; at < unchecked.length; at += 331) {
      const damaged = Buffer.from(unchecked);
      damaged[at] = (damaged[at] ?? 0) ^ 0x55;
      try {
        decode(cut(damaged, 500));
      } catch (error) {
        assert.equal(error instanceof Error && 'code' in error && error.code, 'corrupt');
      }
    }
  });

  test('something that follows, or that is no zstd at all, is refused', () => {
    const compressed = zstdCompressSync(sample(1000));
    const garbage = Buffer.from('garbage');
    assert.throws(() => decode([compressed, garbage]), { code: 'corrupt', message: /follows/ });
    assert.throws(() => decode([garbage]), { code: 'corrupt', message: /does not begin as zstd/ });
    assert.throws(() => decode([]), { code: 'corrupt' });
  });

  test('whoever takes the contents may stop it in the middle of a chunk', () => {
    const compressed = zstdCompressSync(Buffer.alloc(50_000_000));
    let seen = 0;
    using decoder = new ZstdDecoder((contents) => {
      seen += contents.length;
      if (seen > 1_000_000) throw new Error('enough');
    });
    assert.throws(() => decoder.push(compressed), /enough/);
    assert.ok(seen < 2_000_000);
  });
});
