import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLocalStores } from '../../../test/support/local-stores.ts';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { errnoOf } from '../../system/os-error.ts';

test('everybody may read a new store, whatever the mask of who makes it', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  const mask = process.umask(0o077);
  try {
    await using store = await stores.open(temp.path);
    await store.addSignatures?.(new Map());
  } finally {
    process.umask(mask);
  }
  const modeOf = (name: string): string =>
    (statSync(join(temp.path, name)).mode & 0o7777).toString(8);
  const db = 'nix/var/nix/db';
  for (const name of ['nix', 'nix/store', 'nix/store/.links', db, 'nix/var/nix/temproots']) {
    assert.equal(modeOf(name), '755', name);
  }
  for (const name of ['schema', 'db.sqlite', 'db.sqlite-wal', 'db.sqlite-shm']) {
    assert.equal(modeOf(join(db, name)), '644', name);
  }
  assert.equal(modeOf(join(db, 'big-lock')), '600');
});

test('a store below what is no directory is said not to be found', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  const file = join(temp.path, 'file');
  writeFileSync(file, '');
  await assert.rejects(stores.open(join(file, 'root')), (error: Error) => {
    assert.equal(errnoOf(error), undefined);
    assert.match(error.message, /^cannot use the store in ".*": not a directory$/);
    return true;
  });
});
