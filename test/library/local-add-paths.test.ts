/** What must hold of adding whatever goes wrong: valid paths keep their contents, locks last as long as the work. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { samplePath, toAdd } from '../conformance/nars.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory } from '../support/temp.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { loadFlock } from '../../src/system/flock.ts';
import type { TreeWorkers, UnpackRequest } from '../../src/system/tree-jobs.ts';
import type { PathToAdd } from '../../src/store/store.ts';
import { lockPath, tryLockPath } from '../../src/store/local/path-lock.ts';

test('an error of who is told of added paths leaves the contents of all that is valid', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  const samples = Array.from({ length: 8 }, (_, i) => samplePath(`told-${i}`));
  const onAdded = (): never => {
    throw new Error('nobody listens');
  };
  await assert.rejects(store.addPaths?.(toAdd(...samples), { onAdded }) ?? Promise.resolve(), {
    message: 'nobody listens',
  });
  const valid = await store.queryAllValidPaths();
  assert.ok(valid.length > 0);
  for (const path of valid) assert.ok(existsSync(store.toRealPath(path)), path);
  const names = readdirSync(store.toRealPath('' as StorePath)).filter((name) => name !== '.links');
  assert.deepEqual(names.sort(), [...valid].sort());
});

test('a path whose removal fails takes no other valid path with it', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  const lost = samplePath('lost');
  const orphan = samplePath('orphan', [lost.info.path]);
  const workers: TreeWorkers = {
    ...bound(stores.workers),
    remove: async (tree) => {
      if (tree.endsWith('-orphan')) throw new Error('cannot be removed');
      await stores.workers.remove(tree);
    },
  };
  await using store = await stores.open(temp.path, { workers });
  const samples = Array.from({ length: 4 }, (_, i) => samplePath(`other-${i}`));
  await assert.rejects(store.addPaths?.(toAdd(orphan, ...samples)) ?? Promise.resolve());
  for (const path of await store.queryAllValidPaths()) {
    assert.ok(existsSync(store.toRealPath(path)), path);
  }
});

test('streams that may be read at any time are taken side by side, others one after the other', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  const samples = Array.from({ length: 4 }, (_, i) => samplePath(`side-${i}`));
  const mostAtOnce = async (root: string, isIndependent: boolean): Promise<number> => {
    await using store = await stores.open(root);
    let open = 0;
    let most = 0;
    const paths = async function* (): AsyncGenerator<PathToAdd> {
      for (const { info, nar } of samples) {
        const chunks = async function* (): AsyncGenerator<Uint8Array> {
          most = Math.max(most, ++open);
          for (let at = 0; at < nar.length; at += 64) {
            await sleep(1);
            yield nar.slice(at, at + 64);
          }
          open--;
        };
        yield { info, nar: { path: info.path, isIndependent, [Symbol.asyncIterator]: chunks } };
      }
    };
    await store.addPaths?.(paths());
    assert.equal((await store.queryAllValidPaths()).length, samples.length);
    return most;
  };
  assert.equal(await mostAtOnce(temp.join('ordered'), false), 1);
  assert.equal(await mostAtOnce(temp.join('free'), true), stores.workers.width);
});

test('a stream that may be left alone is not touched where its path is valid already', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  const sample = samplePath('there');
  await store.addPaths?.(toAdd(sample));
  const paths = async function* (): AsyncGenerator<PathToAdd> {
    const { info } = sample;
    const touched = (): never => assert.fail('it was read');
    yield { info, nar: { path: info.path, isIndependent: true, [Symbol.asyncIterator]: touched } };
  };
  await store.addPaths?.(paths());
});

test('a source is asked for one chunk at a time, also when its path fails in the middle', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  await using store = await stores.open(temp.path);
  const { info, nar } = samplePath('broken', [], 'x'.repeat(1000));
  let waiting = 0;
  let mostWaiting = 0;
  let at = 0;
  // Threads are given no less than half a megabyte at a time.
  const chunks = [new Uint8Array(600_000).fill(7), nar.slice(0, 128), nar.slice(128)];
  const iterator = {
    next: async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      mostWaiting = Math.max(mostWaiting, ++waiting);
      // The second chunk is late: the first one has made the path fail by then.
      if (at > 0) await sleep(100);
      waiting--;
      const value = chunks[at++];
      return value === undefined ? { done: true, value } : { done: false, value };
    },
    return: async (): Promise<IteratorResult<Uint8Array, undefined>> => ({
      done: true,
      value: undefined,
    }),
  };
  const good = samplePath('good');
  const paths = async function* (): AsyncGenerator<PathToAdd> {
    yield { info, nar: { path: info.path, [Symbol.asyncIterator]: () => iterator } };
    assert.equal(waiting, 0, 'the next path is taken when the stream of the last is closed');
    yield* toAdd(good);
  };
  const failed: StorePath[] = [];
  await store.addPaths?.(paths(), { onFailed: (path) => failed.push(path) });
  assert.deepEqual(failed, [info.path]);
  assert.equal(mostWaiting, 1);
});

test('a path stays locked until no thread is at work on it, although an abort is passed on before', async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  const cleanedUp = Promise.withResolvers<void>();
  const workers: TreeWorkers = {
    ...bound(stores.workers),
    // One that takes long to clean up.
    unpack: async ({ signal }: UnpackRequest) => {
      await cleanedUp.promise;
      throw signal?.reason;
    },
  };
  await using store = await stores.open(temp.path, { workers });
  const sample = samplePath('large');
  const abort = new AbortController();
  const added = store.addPaths?.(toAdd(sample), { signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 50);
  await assert.rejects(added ?? Promise.resolve(), { message: 'enough' });
  const realPath = store.toRealPath(sample.info.path);
  const flock = await loadFlock();
  assert.equal(tryLockPath(flock, realPath), undefined);
  cleanedUp.resolve();
  (await lockPath(flock, realPath, AbortSignal.timeout(10_000))).release();
});

test("locks that the caller holds for us are not waited for, and stay the caller's", async () => {
  await using temp = makeTempDirectory();
  await using stores = openLocalStores();
  const first = samplePath('first');
  const sample = samplePath('held');
  await using store = await stores.open(temp.path, { heldLocks: new Set([sample.info.path]) });
  await store.addPaths?.(toAdd(first));
  const realPath = store.toRealPath(sample.info.path);
  const flock = await loadFlock();
  const lock = tryLockPath(flock, realPath);
  assert.ok(lock !== undefined);
  await store.addPaths?.(toAdd(sample), { signal: AbortSignal.timeout(10_000) });
  assert.equal((await store.queryValidPaths([sample.info.path])).size, 1);
  assert.equal(tryLockPath(flock, realPath), undefined, 'it is still held');
  lock.release();
});

function bound(workers: TreeWorkers): TreeWorkers {
  return {
    width: workers.width,
    pack: (tree, options) => workers.pack(tree, options),
    unpack: (request) => workers.unpack(request),
    hash: (request) => workers.hash(request),
    canonicalise: (tree, options) => workers.canonicalise(tree, options),
    remove: (tree) => workers.remove(tree),
    linkedInodes: (linksDir, options) => workers.linkedInodes(linksDir, options),
    checkLinks: (request) => workers.checkLinks(request),
    sharedLinks: (request) => workers.sharedLinks(request),
    share: (request) => workers.share(request),
    [Symbol.asyncDispose]: async () => {},
  };
}
