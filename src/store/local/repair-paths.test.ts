import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { samplePath, toAdd, toStream } from '../../../test/conformance/nars.ts';
import { openLocalStores } from '../../../test/support/local-stores.ts';
import { makeTempDirectory } from '../../../test/support/temp.ts';

const stores = openLocalStores();
after(() => stores[Symbol.asyncDispose]());

test('what new contents refer to is held while they are unpacked', async () => {
  await using temp = makeTempDirectory({ ram: true });
  const base = samplePath('base');
  const top = samplePath('top');
  const { info, nar } = samplePath('top', [base.info.path], 'built again');
  {
    await using adding = await stores.open(temp.path);
    await adding.addPaths?.(toAdd(base, top));
  }
  await using store = await stores.open(temp.path);
  const held = (): string =>
    readFileSync(temp.join(`nix/var/nix/temproots/${process.pid}`), 'latin1');
  let whileUnpacking = '';
  const stream = {
    path: info.path,
    async *[Symbol.asyncIterator]() {
      whileUnpacking = held();
      yield* toStream(info.path, nar);
    },
  };
  await store.repairPaths(
    (async function* () {
      yield { info, nar: stream };
    })(),
  );
  assert.ok(whileUnpacking.split('\0').includes(`/nix/store/${base.info.path}`), whileUnpacking);
  const repaired = (await store.queryPathInfos([info.path])).get(info.path);
  assert.deepEqual(repaired?.references, [base.info.path]);
});
