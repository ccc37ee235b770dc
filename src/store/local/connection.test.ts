import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLocalStores } from '../../../test/support/local-stores.ts';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { loadFlock, openLockFile } from '../../system/flock.ts';
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

test('an abort ends the waiting of one caller, and not that of another', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  {
    await using store = await stores.open(temp.path);
    await store.addSignatures?.(new Map());
  }
  const flock = await loadFlock();
  const bigLock = openLockFile(join(temp.path, 'nix/var/nix/db/big-lock'));
  assert.ok(flock.tryLock(bigLock, 'exclusive'));
  await using store = await stores.open(temp.path);
  const abort = new AbortController();
  const first = store.addSignatures?.(new Map(), { signal: abort.signal });
  const second = store.addSignatures?.(new Map());
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await assert.rejects(first ?? Promise.resolve(), { message: 'enough' });
  closeSync(bigLock);
  await second;
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

test('root writes to a store that is mounted read-only, and nobody else sees it writable', async (t) => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  {
    await using store = await stores.open(temp.path);
    await store.addSignatures?.(new Map());
  }
  const module = (name: string): string => new URL(`../../../test/${name}`, import.meta.url).href;
  const writing = `
    import { readFileSync } from 'node:fs';
    import { samplePath, toAdd } from '${module('conformance/nars.ts')}';
    import { openLocalStores } from '${module('support/local-stores.ts')}';
    await using stores = openLocalStores();
    await using store = await stores.open(process.argv[1]);
    await store.addPaths(toAdd(samplePath('a')));
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\\n');
    const options = mounts.find((line) => line.includes(process.argv[1]))?.split(' ')[5];
    console.log((await store.queryAllValidPaths()).length, options);
  `;
  const script = `
    mount --bind "$1/nix/store" "$1/nix/store" && mount -o remount,bind,ro,nosuid "$1/nix/store" || exit 77
    "$2" --input-type=module -e "$3" "$1"
    touch "$1/nix/store/x" 2>/dev/null && echo writable
  `;
  const args = [temp.path, process.execPath, writing];
  const run = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', ...args], { encoding: 'utf8' });
  if (run.error !== undefined || run.status === 77 || run.stderr.startsWith('unshare:')) {
    t.skip('needs root, and leave to mount');
    return;
  }
  assert.match(run.stdout, /^1 rw,nosuid(,\w+)*\n$/, run.stderr);
});
