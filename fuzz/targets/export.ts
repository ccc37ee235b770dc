/** Export streams: every chunking says the same. */
import assert from 'node:assert/strict';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { readExport } from '../../src/wire/export-stream.ts';
import { bytesOf, helloNar, str, u64 } from '../../test/vectors/nar/build.ts';
import { cutRandomly } from '../random.ts';
import { asyncOutcomeOf, type FuzzTarget } from '../target.ts';

const path = '/nix/store/q790zdjk75hm2cn42nh77pqw4gbv1b88-hello.txt';
const magic = u64(0x4558494e);

export const exportTarget: FuzzTarget = {
  name: 'export',
  seeds: [
    bytesOf(u64(0)),
    bytesOf(u64(1), helloNar, magic, path, u64(1), path, '', u64(0), u64(0)),
    bytesOf(u64(1), helloNar, magic, path, u64(0), `${path}.drv`, u64(1), 'signature', u64(0)),
  ],
  dictionary: [magic, str(path), str('/nix/store/..'), str('')],
  check: async (input, random) => {
    const whole = await asyncOutcomeOf(() => read([input]));
    const cut = await asyncOutcomeOf(() => read(cutRandomly(input, random)));
    assert.deepEqual(cut, whole);
  },
};

async function read(pieces: readonly Uint8Array[]): Promise<unknown> {
  const reader = new ByteReader(
    (async function* () {
      yield* pieces;
    })(),
  );
  const found: unknown[] = [];
  for await (const { nar, readTrailer } of readExport(reader, defaultStoreDir)) {
    let size = 0;
    for await (const chunk of nar) size += chunk.length;
    found.push([size, await readTrailer()]);
  }
  return { found, offset: reader.offset };
}
