/** NARs that arrive compressed, undone by the thread that unpacks or on the way to it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { directory, entry, file, nar } from '../vectors/nar/build.ts';
import { makeTempDirectory } from '../support/temp.ts';
import type { Compression } from '../../src/format/compression.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { compress } from '../../src/system/compression/compress.ts';
import { openTreeWorkers } from '../../src/system/threads/tree-workers.ts';

const workers = openTreeWorkers({ width: 2 });
const temp = makeTempDirectory({ ram: true });
after(async () => {
  await workers[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

const contents = nar(
  directory(
    entry('large', file('0123456789'.repeat(300_001))),
    ...Array.from({ length: 50 }, (_, i) => entry(`small-${10 + i}`, file('x'.repeat(i * 100)))),
  ),
);

async function* chunksOf(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function compressed(compression: Compression, bytes: Uint8Array): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(compress(compression, chunksOf(bytes))));
}

let count = 0;
const next = (): string => temp.join(`target-${count++}`);

describe('unpacking what is compressed', () => {
  for (const compression of ['none', 'gzip', 'zstd', 'br'] as const) {
    test(`${compression}: it is what was compressed, and its bytes are told`, async () => {
      const bytes = await compressed(compression, contents);
      let told = 0;
      const digest = await workers.unpack({
        source: { compression, bytes: chunksOf(bytes) },
        target: next(),
        narSize: contents.length,
        onBytes: (more) => (told += more),
      });
      assert.deepEqual(digest.narHash, hashBytes('sha256', contents));
      assert.equal(digest.narSize, contents.length);
      assert.equal(told, contents.length);
    });

    test(`${compression}: what is cut, longer or of another size leaves nothing`, async () => {
      const bytes = await compressed(compression, contents);
      const wrong: [Uint8Array, number][] = [
        [bytes.subarray(0, bytes.length - 9), contents.length],
        [bytes.subarray(0, 20), contents.length],
        [bytes, contents.length - 8],
        [bytes, contents.length + 8],
        [Buffer.concat([bytes, Buffer.from('garbage')]), contents.length],
      ];
      for (const [wrongBytes, narSize] of wrong) {
        const target = next();
        const source = { compression, bytes: chunksOf(wrongBytes) };
        await assert.rejects(workers.unpack({ source, target, narSize }), { code: 'corrupt' });
        assert.equal(existsSync(target), false);
      }
    });
  }

  test('one that would fill the disk ends at the size that was told', async () => {
    const header = contents.subarray(0, 200);
    const bomb = zstdCompressSync(Buffer.concat([header, Buffer.alloc(200_000_000)]));
    const source = { compression: 'zstd', bytes: chunksOf(bomb) } as const;
    const target = next();
    await assert.rejects(workers.unpack({ source, target, narSize: contents.length }), {
      code: 'corrupt',
    });
    assert.equal(existsSync(target), false);
  });

  test('an error of the source is passed on, an abort ends it', async () => {
    const bytes = await compressed('zstd', contents);
    const breaking = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.slice(0, 1000);
      throw new Error('the source went away');
    };
    const target = next();
    await assert.rejects(
      workers.unpack({ source: { compression: 'zstd', bytes: breaking() }, target }),
      /the source went away/,
    );
    const abort = new AbortController();
    const hanging = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.slice(0, 1000);
      abort.abort(new Error('enough'));
      await new Promise(() => {});
    };
    const { signal } = abort;
    await assert.rejects(
      workers.unpack({ source: { compression: 'zstd', bytes: hanging() }, target, signal }),
      /enough/,
    );
    assert.equal(existsSync(target), false);
  });
});
