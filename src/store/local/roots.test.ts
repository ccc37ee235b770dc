import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { defaultStoreDir, parseStorePathBaseName } from '../../format/store-path.ts';
import { findRoots, type RootEvent } from './roots.ts';

const A = parseStorePathBaseName(`${'a'.repeat(32)}-a`);
const B = parseStorePathBaseName(`${'b'.repeat(32)}-b`);

test('links whose names are no UTF-8 hold what they lead to', {
  skip: process.platform !== 'linux' && 'names are text there',
}, async () => {
  using temp = makeTempDirectory({ ram: true });
  const bytes = (name: string): Buffer => Buffer.from(temp.join(name), 'latin1');
  mkdirSync(temp.join('gcroots/auto'), { recursive: true });
  symlinkSync(`${defaultStoreDir}/${A}`, bytes('gcroots/r\xe9sultat'));
  mkdirSync(bytes('h\xf4te'));
  symlinkSync(`${defaultStoreDir}/${B}`, bytes('h\xf4te/result'));
  symlinkSync(bytes('h\xf4te/result'), temp.join('gcroots/auto/x'));
  const events: RootEvent[] = [];
  // What is no store of this machine's: nothing that runs here uses it.
  const locations = {
    storeDir: defaultStoreDir,
    realDir: temp.join('store'),
    stateDir: temp.path,
  };
  const roots = await findRoots(locations, {
    removeStale: true,
    onEvent: (event) => events.push(event),
  });
  assert.deepEqual(events, []);
  assert.deepEqual([...(roots.get(A) ?? [])], [temp.join('gcroots/r\ufffdsultat')]);
  assert.deepEqual([...(roots.get(B) ?? [])], [temp.join('h\ufffdte/result')]);
  assert.ok(lstatSync(temp.join('gcroots/auto/x')).isSymbolicLink());
});
