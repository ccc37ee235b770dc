import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesOf, helloNar, richNar, u64 } from '../../test/vectors/nar/build.ts';
import { ByteReader } from '../bytes/byte-reader.ts';
import { hashBytes } from '../format/hash.ts';
import type { PathInfo } from '../format/path-info.ts';
import { defaultStoreDir, parseStorePathBaseName } from '../format/store-path.ts';
import type { ExportTrailer } from './export-trailer.ts';
import { readExport, writeExport, type PathToExport } from './export-stream.ts';

const a = parseStorePathBaseName('xfp2hphvk98rkk9ywlqpp587rjdcgnc2-a');
const b = parseStorePathBaseName('q790zdjk75hm2cn42nh77pqw4gbv1b88-b');
const drv = parseStorePathBaseName('vq69sqp8jpimmv62milrq467xk9wkkg0-b.drv');

async function* chunksOf(bytes: Uint8Array, size = 64): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function pathOf(
  nar: Uint8Array,
  info: Pick<PathInfo, 'path' | 'references' | 'deriver'>,
): PathToExport {
  const narHash = hashBytes('sha256', nar);
  return { info: { ...info, narHash, narSize: nar.length, signatures: [] }, nar: chunksOf(nar) };
}

const stream = bytesOf(
  u64(1),
  helloNar,
  u64(0x4558494e),
  `/nix/store/${a}`,
  u64(0),
  '',
  u64(0),
  u64(1),
  richNar,
  u64(0x4558494e),
  `/nix/store/${b}`,
  u64(2),
  `/nix/store/${b}`,
  `/nix/store/${a}`,
  `/nix/store/${drv}`,
  u64(0),
  u64(0),
);

async function readAll(bytes: Uint8Array, size?: number): Promise<[Uint8Array, ExportTrailer][]> {
  const found: [Uint8Array, ExportTrailer][] = [];
  const reader = new ByteReader(chunksOf(bytes, size));
  for await (const { nar, readTrailer } of readExport(reader, defaultStoreDir)) {
    const contents = new Uint8Array(Buffer.concat(await Array.fromAsync(nar)));
    found.push([contents, await readTrailer()]);
  }
  return found;
}

describe('export stream', () => {
  test('is written as Nix writes it', async () => {
    const written = writeExport(defaultStoreDir, [
      pathOf(helloNar, { path: a, references: [] }),
      pathOf(richNar, { path: b, references: [b, a], deriver: drv }),
    ]);
    assert.deepEqual(new Uint8Array(Buffer.concat(await Array.fromAsync(written))), stream);
  });

  test('is read, however it is cut', async () => {
    for (const size of [1, 13, 100, stream.length]) {
      const [[first, aInfo], [second, bInfo]] = (await readAll(stream, size)) as [
        [Uint8Array, ExportTrailer],
        [Uint8Array, ExportTrailer],
      ];
      assert.deepEqual([first, second], [helloNar, richNar]);
      assert.deepEqual([aInfo.path, aInfo.references, aInfo.deriver], [a, [], undefined]);
      assert.deepEqual([bInfo.path, bInfo.references, bInfo.deriver], [b, [b, a], drv]);
    }
  });

  test('may be read for its trailers alone, and leaves the reader behind its end', async () => {
    const reader = new ByteReader(chunksOf(bytesOf(stream, 'next')));
    const paths: string[] = [];
    for await (const { nar, readTrailer } of readExport(reader, defaultStoreDir)) {
      for await (const chunk of nar) {
        assert.ok(chunk.length > 0);
        break;
      }
      paths.push((await readTrailer()).path);
    }
    assert.deepEqual(paths, [a, b]);
    assert.equal(reader.offset, stream.length);
    const skipping = new ByteReader(chunksOf(stream));
    assert.equal((await Array.fromAsync(readExport(skipping, defaultStoreDir))).length, 2);
  });

  test('with an old signature is read', async () => {
    const signed = bytesOf(
      u64(1),
      helloNar,
      u64(0x4558494e),
      `/nix/store/${a}`,
      u64(0),
      '',
      u64(1),
      'sig',
      u64(0),
    );
    assert.equal((await readAll(signed)).length, 1);
  });

  test('takes any number but one for no signature, as Nix does', async () => {
    const withMark = (mark: number | bigint): Uint8Array =>
      bytesOf(u64(1), helloNar, u64(0x4558494e), `/nix/store/${a}`, u64(0), '', u64(mark), u64(0));
    for (const mark of [0, 2, 0xffff_ffff]) assert.equal((await readAll(withMark(mark))).length, 1);
    for (const mark of [2 ** 32, 2n ** 63n]) {
      await assert.rejects(readAll(withMark(mark)), { code: 'corrupt' });
    }
  });

  test('may break off where another path should come', async () => {
    const written = writeExport(defaultStoreDir, [pathOf(helloNar, { path: a, references: [] })], {
      breaksOff: true,
    });
    const bytes = new Uint8Array(Buffer.concat(await Array.fromAsync(written)));
    assert.ok(Buffer.compare(bytes.subarray(-8), u64(1)) === 0);
    await assert.rejects(readAll(bytes), { code: 'corrupt' });
  });

  test('is written where nobody knows the hash, and by the word of who has hashed', async () => {
    const path = pathOf(helloNar, { path: a, references: [] });
    const zeros = { algorithm: 'sha256', digest: new Uint8Array(32) } as const;
    const unknown = { info: { ...path.info, narHash: zeros }, nar: chunksOf(helloNar) };
    assert.ok((await Array.fromAsync(writeExport(defaultStoreDir, [unknown]))).length > 0);
    const told = { ...path, narHash: () => hashBytes('sha256', 'other') };
    await assert.rejects(Array.fromAsync(writeExport(defaultStoreDir, [told])), {
      code: 'corrupt',
    });
  });

  test('without paths is fine', async () => {
    assert.deepEqual(await readAll(u64(0)), []);
    const written = await Array.fromAsync(writeExport(defaultStoreDir, []));
    assert.deepEqual(new Uint8Array(Buffer.concat(written)), bytesOf(u64(0)));
  });

  test('that is malformed is refused', async () => {
    const trailer = (...rest: (string | Uint8Array)[]): Uint8Array =>
      bytesOf(u64(1), helloNar, ...rest);
    const magic = u64(0x4558494e);
    const wrong: [string, Uint8Array, RegExp][] = [
      ['nothing', new Uint8Array(), /unexpected end of input/],
      ['no end', stream.subarray(0, -8), /unexpected end of input/],
      ['another mark', u64(2), /doesn't look like something created by/],
      ['a NAR', helloNar, /doesn't look like something created by/],
      ['no NAR', bytesOf(u64(1), 'x'), /cannot read NAR/],
      ['another magic', trailer(u64(0x4558494f), `/nix/store/${a}`, u64(0), '', u64(0)), /magic/],
      ['a magic that is one in 32 bits', trailer(u64(0x1_4558_494en), ''), /magic/],
      ['a path elsewhere', trailer(magic, `/gnu/store/${a}`), /not in the store/],
      [
        'more references than there are',
        trailer(magic, `/nix/store/${a}`, u64(2 ** 40)),
        /references/,
      ],
      ['a reference that is none', trailer(magic, `/nix/store/${a}`, u64(1), 'x'), /references/],
    ];
    for (const [name, bytes, message] of wrong) {
      await assert.rejects(readAll(bytes), { code: 'corrupt', message }, name);
    }
  });

  test('breaks off where a NAR has another hash than it should', async () => {
    const { info } = pathOf(richNar, { path: a, references: [] });
    const chunks: Uint8Array[] = [];
    await assert.rejects(
      async () => {
        const written = writeExport(defaultStoreDir, [{ info, nar: chunksOf(helloNar) }]);
        for await (const chunk of written) chunks.push(chunk);
      },
      { code: 'corrupt', message: /has changed from "sha256:.*" to "sha256:/ },
    );
    await assert.rejects(readAll(new Uint8Array(Buffer.concat(chunks))), { code: 'corrupt' });
  });
});
