import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sampleClosure, samplePath } from '../../../test/conformance/nars.ts';
import { bundleOf, chunked, flipped } from '../../../test/support/bundles.ts';
import { FerryError } from '../../error.ts';
import { FrameEncoder } from './frame-encoder.ts';
import { encodeEnd, encodeHeader, frameBytes, pieceBytes, sha256 } from './layout.ts';
import { formatManifest, type BundleManifest } from './manifest.ts';
import { BundleReader } from './reader.ts';
import { defaultStoreDir } from '../store-path.ts';

interface Read {
  readonly manifest: BundleManifest;
  readonly frames: unknown[];
  readonly offset: number;
}

/** All that a reader says of a bundle. */
async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<Read> {
  const reader = await BundleReader.open(bytes);
  const frames: unknown[] = [];
  for await (const { number, info, bytes } of reader.frames()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes) chunks.push(new Uint8Array(chunk));
    frames.push([number, info.path, Buffer.from(sha256(Buffer.concat(chunks))).toString('hex')]);
  }
  return { manifest: reader.manifest, frames, offset: reader.offset };
}

/** A bundle with one frame of these bytes, whatever they are. */
function bundleWith(file: Uint8Array, narSize: number): Uint8Array {
  const info = { ...samplePath('a').info, narSize };
  const manifest = {
    storeDir: defaultStoreDir,
    compression: 'none' as const,
    level: 0,
    roots: [info.path],
    presupposed: [],
    infos: [info],
  };
  const header = encodeHeader(formatManifest(manifest));
  const encoder = new FrameEncoder(header.id, 0);
  const entry = { fileSize: file.length, fileHash: sha256(file) };
  const frame = [...encoder.push(file), ...encoder.end(entry)];
  return Buffer.concat([header.bytes, ...frame, encodeEnd(header.id, [entry])]);
}

const { a, b } = sampleClosure();
const { bytes: small, plan } = await bundleOf([a, b]);

test('a bundle is read as it was written, in whatever pieces it comes', async () => {
  const whole = await readAll(chunked(small));
  assert.equal(formatManifest(whole.manifest), formatManifest(plan.manifest));
  assert.equal(whole.offset, small.length);
  for (const size of [1, 2, 7, 8, 100, 1000]) {
    assert.deepEqual(await readAll(chunked(small, size)), whole, `${size} bytes at a time`);
  }
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), async (cuts) => {
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        for (let at = 0, i = 0; at < small.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          yield small.slice(at, at + size);
          at += size;
        }
      };
      assert.deepEqual(await readAll(pieces()), whole);
    }),
    { numRuns: 20 },
  );
});

test('a bundle that ends anywhere before its end is refused', async () => {
  for (let size = 0; size < small.length; size += size < 200 ? 1 : 3) {
    await assert.rejects(readAll(chunked(small.slice(0, size))), { code: 'corrupt' }, `${size}`);
  }
});

test('a bundle with any bit changed is refused', async () => {
  for (let at = 0; at < small.length; at++) {
    const wrong = flipped(small, at * 8 + (at % 8));
    await assert.rejects(
      readAll(chunked(wrong)),
      (error) => error instanceof FerryError && /corrupt|unsupported/.test(error.code),
      `a bit of byte ${at}`,
    );
  }
});

test('what is no bundle is told by its first bytes, in whatever pieces they come', async () => {
  for (const text of ['x', 'something else', '\u0089ferry-bun\n', 'x'.repeat(1000)]) {
    for (const size of [1, 3, 1000]) {
      await assert.rejects(readAll(chunked(Buffer.from(text, 'latin1'), size)), {
        code: 'corrupt',
        message: 'it does not begin as a bundle does',
      });
    }
  }
});

test('a later version is not guessed at', async () => {
  const later = new Uint8Array(small);
  later[16] = 2;
  await assert.rejects(readAll(chunked(later)), { code: 'unsupported', hint: /newer ferry/ });
});

test('nothing may follow after the end', async () => {
  await assert.rejects(readAll(chunked(Buffer.concat([small, Buffer.of(0)]))), {
    code: 'corrupt',
    message: /follows after its end/,
  });
});

for (const size of [0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1, 2 * pieceBytes]) {
  test(`a frame of ${size} bytes is one with that many`, async () => {
    const file = Buffer.alloc(size, 'x');
    const bytes = bundleWith(file, size + 1);
    const reader = await BundleReader.open(chunked(bytes, 300_000));
    assert.equal(bytes.length - reader.headerBytes - 88, frameBytes(size));
    const found: Uint8Array[] = [];
    for await (const frame of reader.frames()) {
      const small = await frame.small();
      assert.equal(small === undefined, size >= pieceBytes);
      if (small !== undefined) found.push(small);
      else for await (const chunk of frame.bytes) found.push(new Uint8Array(chunk));
    }
    assert.equal(Buffer.concat(found).equals(file), true);
    assert.deepEqual(reader.entries, [{ fileSize: size, fileHash: sha256(file) }]);
  });
}

test('a frame of which little was read is passed over, and checked all the same', async () => {
  const bytes = bundleWith(Buffer.alloc(3 * pieceBytes, 'x'), 3 * pieceBytes);
  const read = async (from: Uint8Array): Promise<number> => {
    const reader = await BundleReader.open(chunked(from, 65_536));
    let count = 0;
    for await (const { bytes: frame } of reader.frames()) {
      for await (const _ of frame) {
        count++;
        break;
      }
    }
    return count;
  };
  assert.equal(await read(bytes), 1);
  await assert.rejects(read(flipped(bytes, (bytes.length - 2000) * 8)), { code: 'corrupt' });
});

test('a frame that never ends is not read for ever', async () => {
  await assert.rejects(readAll(chunked(bundleWith(Buffer.alloc(4 * pieceBytes), 1000), 65_536)), {
    code: 'corrupt',
    message: /longer than its NAR can make it/,
  });
});

test('a manifest that claims to be huge takes no memory', async () => {
  const wrong = new Uint8Array(small.slice(0, 32));
  new DataView(wrong.buffer).setBigUint64(24, 2n ** 40n, true);
  await assert.rejects(readAll(chunked(wrong)), { code: 'corrupt', message: /claims more/ });
  new DataView(wrong.buffer).setBigUint64(24, 2n ** 27n, true);
  await assert.rejects(readAll(chunked(wrong)), { code: 'corrupt', message: /end of input/ });
});

test('what a reader failed with it fails with again', async () => {
  const reader = await BundleReader.open(chunked(small.slice(0, -1)));
  const attempt = async (): Promise<void> => {
    for await (const _ of reader.frames());
  };
  await assert.rejects(attempt(), { code: 'corrupt' });
  await assert.rejects(attempt(), { code: 'corrupt' });
});
