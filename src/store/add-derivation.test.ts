import assert from 'node:assert/strict';
import { test } from 'node:test';
import { derivationPath, inputsOf } from '../format/check-derivation.ts';
import { parseDerivation } from '../format/derivation.ts';
import { defaultStoreDir } from '../format/store-path.ts';
import { addDerivation, pathOfDerivation } from './add-derivation.ts';
import { MemoryStore } from './memory.ts';
import { readDerivation } from './read-derivations.ts';
import type { Store } from './store.ts';

const TEXT = Buffer.from('Derive([("out","","r:sha256","")],[],[],"x","y",[],[("name","x")])');
const derivation = parseDerivation(defaultStoreDir, TEXT);

test('a derivation is added under the path of its text, and read again', async () => {
  await using store = new MemoryStore();
  const named = { name: 'foo', derivation };
  const { path, ca } = await addDerivation(store, named);
  assert.equal(path, pathOfDerivation(defaultStoreDir, named));
  assert.equal(path, derivationPath(defaultStoreDir, 'foo.drv', TEXT, inputsOf(derivation)));
  assert.equal(ca?.method, 'text');
  assert.deepEqual(await readDerivation(store, path), derivation);
});

test('one whose inputs are missing is refused', async () => {
  await using store = new MemoryStore();
  const missing = parseDerivation(
    defaultStoreDir,
    Buffer.from(
      `Derive([("out","","r:sha256","")],[],["/nix/store/${'0'.repeat(32)}-x"],"x","y",[],[])`,
    ),
  );
  await assert.rejects(addDerivation(store, { name: 'foo', derivation: missing }));
});

test('a store that takes nothing is told apart', async () => {
  const readOnly: Store = {
    uri: 'test:',
    storeDir: defaultStoreDir,
    features: new Set(),
    queryValidPaths: async () => new Set(),
    queryPathInfos: async () => new Map(),
    readNars: () => assert.fail('nothing is read'),
    [Symbol.asyncDispose]: async () => {},
  };
  await assert.rejects(addDerivation(readOnly, { name: 'foo', derivation }), {
    code: 'unsupported',
  });
});
