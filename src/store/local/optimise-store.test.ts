import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { samplePath, toAdd } from '../../../test/conformance/nars.ts';
import { openLocalStores } from '../../../test/support/local-stores.ts';
import { makeTempDirectory, removeTree } from '../../../test/support/temp.ts';
import type { ShareRequest, ShareResult } from '../../system/link-jobs.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { LocalStore } from './local-store.ts';
import type { OptimiseEvent } from './optimise-store.ts';

/** Threads take long to start: all tests share them. */
const stores = openLocalStores();
after(() => stores[Symbol.asyncDispose]());

// The three have a file, an executable and a link each; the last one's file is its own.
const samples = ['one', 'two', 'three'].map((name) =>
  samplePath(name, [], name === 'three' ? 'alone' : 'shared'),
);
const [one, two, three] = samples.map(({ info }) => info.path);
assert.ok(one !== undefined && two !== undefined && three !== undefined);
/** Bytes of "shared", "#!" twice, and the link's target twice. */
const SAVED = 6 + 2 + 2 + 4 + 4;

const inode = (store: LocalStore, path: typeof one, name: string): number =>
  lstatSync(join(store.toRealPath(path), name)).ino;

test('files of all paths are shared, and a dry run says how many that will be', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using store = await stores.open(temp.path);
  await store.addPaths?.(toAdd(...samples));
  const expected = { filesLinked: 5, bytesFreed: SAVED, failed: 0 };
  assert.deepEqual(await store.optimise({ dryRun: true }), expected);
  assert.notEqual(inode(store, one, 'text'), inode(store, two, 'text'));
  const events: OptimiseEvent[] = [];
  assert.deepEqual(await store.optimise({ onEvent: (event) => events.push(event) }), expected);
  assert.deepEqual(events[0], { type: 'start', paths: 3, links: 0 });
  assert.equal(events.filter(({ type }) => type === 'path').length, 3);
  assert.equal(inode(store, one, 'text'), inode(store, two, 'text'));
  const nothing = { filesLinked: 0, bytesFreed: 0, failed: 0 };
  assert.deepEqual(await store.optimise({ dryRun: true }), nothing);
  assert.deepEqual(await store.optimise(), nothing);
  assert.deepEqual(await store.verifyStore({ checkContents: true }), { errorsLeft: 0 });
});

test('one path that can not be gone through costs itself alone; one that is gone nothing', async () => {
  await using temp = makeTempDirectory({ ram: true });
  const asked: string[] = [];
  const share = async (request: ShareRequest): Promise<ShareResult> => {
    asked.push(request.tree);
    if (request.tree.endsWith('-three')) {
      removeTree(request.tree);
      await store.verifyStore();
    }
    return await stores.workers.share(request);
  };
  await using store = await stores.open(temp.path, { workers: withShare(stores.workers, share) });
  {
    await using adding = await stores.open(temp.path);
    await adding.addPaths?.(toAdd(...samples));
  }
  const tree = store.toRealPath(two);
  chmodSync(tree, 0o755);
  let deep = join(tree, 'deep');
  for (let depth = 0; depth < 70; depth++) deep = join(deep, 'd');
  mkdirSync(deep, { recursive: true });
  const failed: string[] = [];
  const result = await store.optimise({
    onEvent: (event) => {
      if (event.type === 'failed') failed.push(event.path);
    },
  });
  assert.equal(asked.length, 3);
  assert.deepEqual(failed, [two]);
  assert.equal(result.failed, 1);
  assert.equal((await store.queryValidPaths([three])).size, 0);
});

function withShare(workers: TreeWorkers, share: TreeWorkers['share']): TreeWorkers {
  return new Proxy(workers, {
    get(target, key) {
      if (key === 'share') return share;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('with auto-optimise-store what is added shares the files that are there', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using store = await stores.open(temp.path, { autoOptimise: true });
  await store.addPaths?.(toAdd(...samples));
  assert.equal(inode(store, one, 'text'), inode(store, two, 'text'));
  assert.equal(lstatSync(store.toRealPath(one)).mode & 0o7777, 0o555);
  assert.equal(lstatSync(store.toRealPath(one)).mtimeMs, 1000);
  const links = readdirSync(join(store.toRealPath(one), '..', '.links'));
  assert.equal(links.length, 4);
  assert.deepEqual(await store.optimise(), { filesLinked: 0, bytesFreed: 0, failed: 0 });
  assert.deepEqual(await store.verifyStore({ checkContents: true }), { errorsLeft: 0 });
  // A damaged link spoils nothing that comes after it.
  for (const name of links) {
    const link = join(store.toRealPath(one), '..', '.links', name);
    if (!lstatSync(link).isFile()) continue;
    chmodSync(link, 0o644);
    writeFileSync(link, 'x'.repeat(lstatSync(link).size));
    chmodSync(link, lstatSync(link).size === 2 ? 0o555 : 0o444);
  }
  const four = samplePath('four', [], 'shared');
  await store.addPaths?.(toAdd(four));
  const states: string[] = [];
  await store.verifyPaths([four.info.path], {
    checkContents: true,
    onResult: ({ state }) => states.push(state),
  });
  assert.deepEqual(states, ['whole']);
});

test('an abort ends it', async () => {
  await using temp = makeTempDirectory({ ram: true });
  await using store = await stores.open(temp.path);
  await store.addPaths?.(toAdd(...samples));
  const abort = new AbortController();
  const optimised = store.optimise({
    signal: abort.signal,
    onEvent: () => abort.abort(new Error('enough')),
  });
  await assert.rejects(optimised, { message: 'enough' });
});
