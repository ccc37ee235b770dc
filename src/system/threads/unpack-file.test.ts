/** NARs in files: what they must be, and that nothing is left where they are something else. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { after, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { samplePath } from '../../../test/conformance/nars.ts';
import { hashBytes, hashesEqual } from '../../format/hash.ts';
import type { NarFile } from '../tree-jobs.ts';
import { openTreeWorkers } from './tree-workers.ts';

describe('a NAR in a file', () => {
  const temp = makeTempDirectory();
  const workers = openTreeWorkers({ width: 1 });
  after(async () => {
    await workers[Symbol.asyncDispose]();
    temp[Symbol.dispose]();
  });
  const { nar, info } = samplePath('in-a-file');
  let made = 0;
  const fileOf = (bytes: Uint8Array): NarFile => {
    const file = temp.join(`nar-${(made += 1)}`);
    writeFileSync(file, bytes);
    return { file, compression: 'zstd', bytesMax: 2 * bytes.length + 1000 };
  };
  const unpack = async (source: NarFile): Promise<string> => {
    const target = temp.join(`tree-${(made += 1)}`);
    let told = 0;
    const digest = await workers
      .unpack({ source, target, narSize: info.narSize, onBytes: (bytes) => (told += bytes) })
      .catch((error: unknown) => {
        assert.equal(existsSync(target), false, 'nothing is left');
        throw error;
      });
    assert.ok(hashesEqual(digest.narHash, info.narHash));
    assert.equal(told, info.narSize);
    return target;
  };
  const packed = zstdCompressSync(nar);
  const right = { bytes: packed.length, hash: hashBytes('sha256', packed) };

  test('is unpacked, compressed or not, whatever is known of it', async () => {
    const zstd = fileOf(packed);
    const plain: NarFile = { ...fileOf(nar), compression: 'none' };
    for (const source of [zstd, { ...zstd, ...right }, plain]) {
      assert.ok(existsSync(await unpack(source)));
    }
  });

  test('is refused where it is longer, shorter or another than was said', async () => {
    const zstd = fileOf(packed);
    const cases: [NarFile, RegExp][] = [
      [{ ...zstd, bytes: packed.length - 1 }, /instead of/],
      [{ ...zstd, bytes: packed.length + 1 }, /instead of/],
      [{ ...zstd, bytesMax: 10 }, /longer than 10 bytes/],
      [{ ...zstd, hash: hashBytes('sha256', nar) }, /it has hash/],
    ];
    for (const [source, message] of cases) {
      await assert.rejects(unpack(source), { code: 'corrupt', message });
    }
  });

  test('is refused where it is cut, goes on, or is compressed in another way', async () => {
    const bad = [
      packed.subarray(0, packed.length - 3),
      Buffer.concat([packed, Buffer.from('more')]),
      gzipSync(nar),
      zstdCompressSync(nar.subarray(0, 40)),
      Buffer.of(),
    ];
    for (const bytes of bad) {
      await assert.rejects(unpack(fileOf(bytes)), { code: 'corrupt' });
    }
  });

  test('is a file, and there', async () => {
    const pipe = temp.join('pipe');
    execFileSync('mkfifo', [pipe]);
    const source: NarFile = { file: pipe, compression: 'none', bytesMax: 1000 };
    await assert.rejects(unpack(source), { code: 'corrupt', message: /not a regular file/ });
    await assert.rejects(unpack({ ...source, file: temp.join('none') }));
  });
});
