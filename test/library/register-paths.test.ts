import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { samplePath, toAdd } from '../conformance/nars.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { hashBytes } from '../../src/format/hash.ts';
import type { PathRegistration } from '../../src/format/registration.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { loadFlock, openLockFile } from '../../src/system/flock.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';

const a = samplePath('a').info.path;
const b = samplePath('b').info.path;
const c = samplePath('c').info.path;
const nar = { hash: hashBytes('sha256', 'said'), size: 5 };

const given = (path: StorePath, ...references: readonly StorePath[]): PathRegistration => ({
  path,
  nar,
  references: [...references].sort(),
});
const measured = (path: StorePath, ...references: readonly StorePath[]): PathRegistration => ({
  path,
  references: [...references].sort(),
});

async function withStore(body: (store: LocalStore) => Promise<void>): Promise<void> {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  // Makes the directories.
  await store.registerPaths([], { canonicalise: true });
  await body(store);
}

/** A tree as somebody else put it there. */
function layOut(store: LocalStore, path: StorePath): void {
  const tree = store.toRealPath(path);
  mkdirSync(tree);
  writeFileSync(`${tree}/file`, path, { mode: 0o640 });
}

async function valid(store: LocalStore): Promise<Set<StorePath>> {
  return new Set(await store.queryAllValidPaths());
}

describe('registerPaths', () => {
  test('takes what it is told, in any order, together with what refers to it', () =>
    withStore(async (store) => {
      await store.registerPaths([given(c, a, b, c), given(b, a), given(a)]);
      const infos = await store.queryPathInfos([a, b, c]);
      assert.deepEqual(infos.get(c)?.references, [a, b, c].sort());
      assert.deepEqual(infos.get(b)?.references, [a]);
      assert.deepEqual(infos.get(a)?.narHash, nar.hash);
      assert.equal(infos.get(a)?.narSize, nar.size);
      assert.equal(infos.get(a)?.ca, undefined);
      assert.ok(Math.abs((infos.get(a)?.registrationTime ?? 0) - Date.now() / 1000) < 60);
    }));

  test('makes nothing valid where a reference is missing, or references form a cycle', () =>
    withStore(async (store) => {
      await assert.rejects(store.registerPaths([given(a), given(c, b)]), { code: 'not-found' });
      await assert.rejects(store.registerPaths([given(a), given(b, c), given(c, b)]), {
        code: 'corrupt',
        message: /form a cycle/,
      });
      assert.deepEqual(await valid(store), new Set());
    }));

  test('leaves what is valid alone unless told otherwise', () =>
    withStore(async (store) => {
      const signature = `key-1:${Buffer.alloc(64).toString('base64')}`;
      const sample = samplePath('signed');
      const { path } = sample.info;
      await store.addPaths?.(
        toAdd({ ...sample, info: { ...sample.info, deriver: c, signatures: [signature] } }),
      );
      const before = (await store.queryPathInfos([path])).get(path);
      await store.registerPaths([given(a), given(path, a)]);
      assert.deepEqual((await store.queryPathInfos([path])).get(path), before);
      await store.registerPaths([given(path, a)], { reregister: true });
      // As Nix: the deriver stays, signatures go.
      assert.deepEqual((await store.queryPathInfos([path])).get(path), {
        ...before,
        narHash: nar.hash,
        narSize: nar.size,
        references: [a],
        signatures: [],
      });
      await store.registerPaths([given(path)], { reregister: true });
      assert.deepEqual((await store.queryPathInfos([path])).get(path)?.references, [a]);
    }));

  test('of two registrations of one path takes the later', () =>
    withStore(async (store) => {
      await store.registerPaths([given(a), { path: a, nar: { ...nar, size: 6 }, references: [] }]);
      assert.equal((await store.queryPathInfos([a])).get(a)?.narSize, 6);
    }));

  test('hashes trees, and makes them canonical where that is wanted', () =>
    withStore(async (store) => {
      for (const path of [a, b]) layOut(store, path);
      await store.registerPaths([measured(a, b)].concat(measured(b)), { canonicalise: true });
      for (const path of [a, b]) {
        const { mode, mtimeMs } = lstatSync(`${store.toRealPath(path)}/file`);
        assert.deepEqual([mode & 0o7777, mtimeMs], [0o444, 1000]);
      }
      const states: string[] = [];
      const onResult = ({ state }: { readonly state: string }): void => void states.push(state);
      await store.verifyPaths([a, b], { checkContents: true, onResult });
      assert.deepEqual(states, ['whole', 'whole']);
      const locks = readdirSync(store.toRealPath('.' as StorePath)).filter((name) =>
        name.endsWith('.lock'),
      );
      assert.deepEqual(locks, []);
    }));

  test('with a hash that is given hashes nothing, and is canonical all the same', () =>
    withStore(async (store) => {
      layOut(store, a);
      await store.registerPaths([given(a)], { canonicalise: true });
      assert.equal(lstatSync(store.toRealPath(a)).mode & 0o7777, 0o555);
      assert.deepEqual((await store.queryPathInfos([a])).get(a)?.narHash, nar.hash);
    }));

  test('makes nothing valid where a tree is missing or no tree of a store', () =>
    withStore(async (store) => {
      for (const path of [a, b]) layOut(store, path);
      const both = [measured(a), measured(b), measured(c)];
      await assert.rejects(store.registerPaths(both, { canonicalise: true }), {
        code: 'not-found',
        message: new RegExp(`^cannot register path "/nix/store/${c}": cannot canonicalise`),
      });
      await assert.rejects(store.registerPaths(both), { code: 'not-found' });
      assert.deepEqual(await valid(store), new Set());
    }));

  test('looks into derivations', () =>
    withStore(async (store) => {
      const drv = 'vq69sqp8jpimmv62milrq467xk9wkkg0-foo.drv' as StorePath;
      const out = '1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo' as StorePath;
      const text =
        'Derive([("dev","/nix/store/7zhc9sliq14lz2f1yc1d68fi9njpfhr1-foo-dev","",""),("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo","","")],[],[],"x86_64-linux","/bin/sh",[],[("builder","/bin/sh"),("dev","/nix/store/7zhc9sliq14lz2f1yc1d68fi9njpfhr1-foo-dev"),("name","foo"),("out","/nix/store/1f5018jnvzb10jsijwrp0hyklh9hmmsg-foo"),("outputs","out dev"),("system","x86_64-linux")])';
      await assert.rejects(store.registerPaths([given(drv)]), { code: 'not-found' });
      writeFileSync(store.toRealPath(drv), text.replace('1f5018', '1f5019'));
      await assert.rejects(store.registerPaths([given(drv), given(out)]), {
        code: 'corrupt',
        message: /incorrect output "out"/,
      });
      assert.deepEqual(await valid(store), new Set());
      writeFileSync(store.toRealPath(drv), text);
      await store.registerPaths([given(drv), given(out)]);
      assert.deepEqual((await store.queryOutputs?.([drv]))?.get(drv), [out]);
      // What is valid isn't read again.
      rmSync(store.toRealPath(drv));
      await store.registerPaths([given(drv)], { reregister: true });
    }));

  test('waits for whoever is making a path, and can be told to stop', () =>
    withStore(async (store) => {
      layOut(store, a);
      const flock = await loadFlock();
      const fd = openLockFile(`${store.toRealPath(a)}.lock`);
      assert.ok(flock.tryLock(fd, 'exclusive'));
      const stop = new AbortController();
      const registered = store.registerPaths([measured(a)], { signal: stop.signal });
      setTimeout(() => stop.abort(new Error('enough')), 30);
      await assert.rejects(registered, { message: 'enough' });
      assert.deepEqual(await valid(store), new Set());
      chmodSync(store.toRealPath(a), 0o755);
    }));

  test('needs no lock that is held for us', async () => {
    await using temp = makeTempDirectory();
    await using stores = openLocalStores();
    await using store = await stores.open(temp.path, { heldLocks: new Set([a]) });
    await store.registerPaths([], { canonicalise: true });
    layOut(store, a);
    const flock = await loadFlock();
    assert.ok(flock.tryLock(openLockFile(`${store.toRealPath(a)}.lock`), 'exclusive'));
    await store.registerPaths([measured(a)], { canonicalise: true });
    assert.deepEqual(await valid(store), new Set([a]));
  });
});
