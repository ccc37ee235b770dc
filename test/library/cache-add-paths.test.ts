/** Adding to a cache: it is closed at every moment, whatever the order, the errors and the aborts; nothing is left over. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { openCacheStores } from '../support/cache-stores.ts';
import { keyOf, narInfoOf } from '../support/memory-caches.ts';
import { MemoryObjects } from '../support/memory-objects.ts';
import { makeTempDirectory } from '../support/temp.ts';
import {
  readAll,
  sampleClosure,
  samplePath,
  toAdd,
  toStream,
  type Sample,
} from '../conformance/nars.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { parseNarInfo } from '../../src/format/narinfo.ts';
import { otherReferences } from '../../src/format/path-info.ts';
import { defaultStoreDir, hashPartOf, type StorePath } from '../../src/format/store-path.ts';
import type { PathToAdd } from '../../src/store/store.ts';

const caches = openCacheStores();
after(async () => {
  assert.deepEqual(readdirSync(caches.temporaryDir), [], 'nothing waits any more');
  await caches[Symbol.asyncDispose]();
});

const { a, b, c, d } = sampleClosure();
const print = (path: StorePath): string => `${defaultStoreDir}/${path}`;

/** Checks at every request that each narinfo has its NAR and the narinfos of its references. */
function watched(objects: MemoryObjects = new MemoryObjects()): MemoryObjects {
  const { before } = objects;
  objects.before = async (request, signal) => {
    requireClosed(objects);
    await before(request, signal);
    requireClosed(objects);
  };
  return objects;
}

function requireClosed(objects: MemoryObjects): void {
  for (const key of objects.keys()) {
    if (!key.endsWith('.narinfo')) continue;
    const { info, url } = parseNarInfo(objects.text(key), defaultStoreDir);
    assert.ok(objects.stored.has(url), `${key} without its NAR`);
    for (const path of otherReferences(info)) {
      assert.ok(objects.stored.has(`${hashPartOf(path)}.narinfo`), `${key} without ${path}`);
    }
  }
}

async function* free(...samples: readonly Sample[]): AsyncGenerator<PathToAdd> {
  for (const { info, nar } of samples) {
    yield { info, nar: { ...toStream(info.path, nar), isIndependent: true } };
  }
}

describe('adding to a cache', () => {
  test('in any order, by streams of either kind, the cache is closed at every moment', async () => {
    const samples = [a, b, c, d, samplePath('lone'), samplePath('top', [d.info.path])];
    const orders = fc.shuffledSubarray(samples, { minLength: samples.length });
    await fc.assert(
      fc.asyncProperty(orders, fc.boolean(), async (order, isFree) => {
        const objects = watched();
        await using store = await caches.open('', { objects });
        const added: StorePath[] = [];
        const onAdded = (path: StorePath): void => void added.push(path);
        await store.addPaths(isFree ? free(...order) : toAdd(...order), { onAdded });
        requireClosed(objects);
        const paths = samples.map(({ info }) => info.path).sort();
        assert.deepEqual(added.toSorted(), paths);
        assert.equal((await store.queryValidPaths(paths)).size, paths.length);
      }),
      { numRuns: 20 },
    );
  });

  test('the files are named by their hash, and say what they are', async () => {
    const objects = watched();
    await using store = await caches.open('', { objects });
    await store.addPaths(toAdd(a));
    const { url, fileHash, fileSize, compression } = narInfoOf(objects, a);
    const stored = objects.stored.get(url);
    assert.match(url, /^nar\/[0-9a-z]{52}\.nar\.zst$/);
    assert.equal(compression, 'zstd');
    assert.equal(stored?.contentType, 'application/x-nix-nar');
    assert.equal(stored.bytes.length, fileSize);
    assert.deepEqual(fileHash, hashBytes('sha256', stored.bytes));
    assert.equal(objects.stored.get(keyOf(a))?.contentType, 'text/x-nix-narinfo');
  });

  test('a tree and its NAR give the same file', async () => {
    using temp = makeTempDirectory({ ram: true });
    const tree = temp.join('tree');
    mkdirSync(tree);
    writeFileSync(`${tree}/run`, '#!', { mode: 0o755 });
    writeFileSync(`${tree}/text`, 'x'.repeat(300_000));
    symlinkSync('text', `${tree}/to-text`);
    const urls: string[] = [];
    for (const isTree of [true, false]) {
      const objects = watched();
      await using store = await caches.open('', { objects });
      let bytes = 0;
      const { info, nar } = { ...d, info: { ...d.info, references: [] } };
      const stream = { ...toStream(info.path, nar), ...(isTree ? { tree } : {}) };
      await store.addPaths(
        (async function* () {
          yield { info, nar: stream };
        })(),
        { onBytes: (_, count) => (bytes += count) },
      );
      assert.equal(bytes, info.narSize);
      urls.push(narInfoOf(objects, d).url);
    }
    assert.equal(urls[0], urls[1]);
  });

  test('what is there already is left alone, and its stream unread where that may be', async () => {
    const objects = watched();
    await using store = await caches.open('', { objects });
    await store.addPaths(toAdd(a));
    objects.log.length = 0;
    await using again = await caches.open('', { objects });
    const nar = {
      path: a.info.path,
      isIndependent: true,
      [Symbol.asyncIterator]: () => assert.fail('it was read'),
    };
    const added: StorePath[] = [];
    await again.addPaths(
      (async function* () {
        yield { info: a.info, nar };
      })(),
      { onAdded: (path) => added.push(path) },
    );
    assert.deepEqual(added, [a.info.path]);
    assert.equal(objects.count('put'), 0);
  });

  test('a large NAR that is there already is not sent again', async () => {
    const large = samplePath('large', [], 'x'.repeat(100_000));
    const objects = watched();
    await using store = await caches.open('', { objects, writing: { compression: 'none' } });
    await store.addPaths(toAdd(large));
    const { url } = narInfoOf(objects, large);
    objects.stored.delete(keyOf(large));
    const addAgain = async (): Promise<number> => {
      await using another = await caches.open('', { objects, writing: { compression: 'none' } });
      objects.log.length = 0;
      await another.addPaths(toAdd(large));
      return objects.count(`put ${url}`);
    };
    assert.equal(await addAgain(), 0);
    objects.stored.delete(keyOf(large));
    objects.set(url, 'half');
    assert.equal(await addAgain(), 1, 'one of another size is');
  });

  test('what was just said to be missing is not asked for again', async () => {
    const objects = watched();
    await using store = await caches.open('', { objects });
    await store.queryValidPaths([a, b].map(({ info }) => info.path));
    objects.log.length = 0;
    await store.addPaths(toAdd(a, b));
    assert.equal(objects.count(`read ${keyOf(a)}`), 0);
    assert.equal(objects.count(`read ${keyOf(b)}`), 0);
  });

  test('the same path twice is added once', async () => {
    const objects = watched();
    await using store = await caches.open('', { objects });
    await store.addPaths(toAdd(a, a, b, a));
    assert.equal(objects.count(`put ${keyOf(a)}`), 1);
  });

  test('references may be in the cache already, or known to be elsewhere', async () => {
    const objects = new MemoryObjects();
    {
      await using store = await caches.open('', { objects: watched(objects) });
      await store.addPaths(toAdd(a));
    }
    await using store = await caches.open('', { objects });
    await store.addPaths(toAdd(b));
    assert.equal((await store.queryValidPaths([b.info.path])).size, 1);
    objects.before = () => {};
    await store.addPaths(toAdd(d), { referencesElsewhere: new Set([c.info.path]) });
    assert.equal((await store.queryValidPaths([d.info.path])).size, 1);
  });

  test('a reference that is nowhere is named', async () => {
    const objects = watched();
    await using store = await caches.open('', { objects });
    await assert.rejects(store.addPaths(toAdd(b)), {
      code: 'not-found',
      message: `cannot add path "${print(b.info.path)}" to "${objects.uri}": its reference "${print(a.info.path)}" is not valid there`,
    });
    assert.equal(objects.stored.has(keyOf(b)), false);
  });

  test('paths that refer to one another are refused', async () => {
    const objects = watched();
    await using store = await caches.open('', { objects });
    const x = samplePath('x', [samplePath('y').info.path]);
    const y = samplePath('y', [samplePath('x').info.path]);
    await assert.rejects(store.addPaths(toAdd(x, y)), { code: 'corrupt', message: /cycle/ });
    const failed: StorePath[] = [];
    const onFailed = (path: StorePath): void => void failed.push(path);
    await store.addPaths(toAdd(x, y, a), { onFailed });
    assert.deepEqual(failed.toSorted(), [x.info.path, y.info.path].sort());
    assert.equal((await store.queryValidPaths([a, x, y].map(({ info }) => info.path))).size, 1);
  });

  test('with onFailed the others go on, but for those that refer to it, each told once', async () => {
    const bad = { ...b, info: { ...b.info, narHash: hashBytes('sha256', 'other') } };
    const lone = samplePath('lone');
    for (const order of [
      [a, bad, c, d, lone],
      [d, c, bad, a, lone],
    ]) {
      const objects = watched();
      await using store = await caches.open('', { objects });
      const failed = new Map<StorePath, unknown>();
      const onFailed = (path: StorePath, error: unknown): void => {
        assert.ok(!failed.has(path));
        failed.set(path, error);
      };
      await store.addPaths(toAdd(...order), { onFailed });
      assert.deepEqual([...failed.keys()].sort(), [b, c, d].map(({ info }) => info.path).sort());
      assert.match(String(failed.get(b.info.path)), /NAR has hash sha256-.* instead of sha256-/);
      assert.match(String(failed.get(c.info.path)), /refers to path .* which could not be added/);
      assert.equal((await store.queryValidPaths([a.info.path, lone.info.path])).size, 2);
      assert.equal(objects.count('put nar/') >= 2, true);
    }
  });

  test('contents that are not what their info says leave nothing in the cache', async () => {
    const objects = watched();
    await using store = await caches.open('', { objects });
    for (const info of [
      { ...a.info, narHash: hashBytes('sha256', 'other') },
      { ...a.info, narSize: a.info.narSize + 1 },
    ]) {
      await assert.rejects(store.addPaths(toAdd({ ...a, info })), {
        code: 'corrupt',
        path: print(a.info.path),
      });
    }
    assert.deepEqual(objects.keys(), ['nix-cache-info']);
  });

  test('an error of the cache ends it with that error, at any request', async () => {
    let count = 0;
    for (let failing = 0; failing <= count; failing++) {
      const objects = watched();
      await using store = await caches.open('', { objects });
      objects.log.length = 0;
      const { before } = objects;
      let begun = 0;
      objects.before = async (request, signal) => {
        const number = begun++;
        await before(request, signal);
        if (number === failing) throw new Error(`no ${request}`);
      };
      const adding = store.addPaths(toAdd(a, b, c, d));
      const isOver = await adding.then(
        () => true,
        (error: Error) => assert.match(error.message, /^no (put|read|head)/),
      );
      requireClosed(objects);
      if (isOver === true) break;
      count++;
    }
    assert.ok(count >= 9, `${count} requests`);
  });

  test('an abort at any request ends it with its reason, and then it can be done', async () => {
    let count = 0;
    for (let failing = 0; failing <= count; failing++) {
      const objects = watched();
      await using store = await caches.open('', { objects });
      objects.log.length = 0;
      const abort = new AbortController();
      const { before } = objects;
      let begun = 0;
      objects.before = async (request, signal) => {
        const number = begun++;
        await before(request, signal);
        if (number === failing) abort.abort(new Error('enough'));
      };
      const adding = store.addPaths(toAdd(a, b, c, d), { signal: abort.signal });
      const isOver = await adding.then(
        () => !abort.signal.aborted,
        (error: Error) => assert.match(error.message, /^enough$/),
      );
      requireClosed(objects);
      if (isOver === true) break;
      count++;
      objects.before = () => {};
      await store.addPaths(toAdd(a, b, c, d));
      requireClosed(objects);
      assert.ok(objects.stored.has(keyOf(d)));
    }
    assert.ok(count >= 8, `${count} requests`);
  });

  test('an abort does not wait for a request that hangs, nor for a source that hangs', async () => {
    const objects = new MemoryObjects();
    await using store = await caches.open('', { objects });
    objects.before = (request) =>
      request.startsWith('put nar/') ? new Promise(() => {}) : undefined;
    const hanging = async function* (): AsyncGenerator<PathToAdd> {
      yield* toAdd(a);
      await new Promise(() => {});
    };
    for (const paths of [toAdd(a), hanging()]) {
      const abort = new AbortController();
      const adding = store.addPaths(paths, { signal: abort.signal });
      await sleep(20);
      abort.abort(new Error('enough'));
      await assert.rejects(adding, /enough/);
    }
  });

  test('large NARs wait in files, which are gone afterwards whatever happened', async () => {
    const objects = watched();
    const large = samplePath('large', [], 'x'.repeat(5_000_000));
    let mostFiles = 0;
    const { before } = objects;
    objects.before = async (request, signal) => {
      mostFiles = Math.max(mostFiles, readdirSync(caches.temporaryDir).length);
      await before(request, signal);
    };
    await using store = await caches.open('', { objects, writing: { compression: 'none' } });
    await store.addPaths(toAdd(large));
    assert.equal(mostFiles, 1);
    for await (const nar of store.readNars([large.info.path])) {
      assert.equal(Buffer.compare(await readAll(nar), large.nar), 0);
    }
    const wrong = { ...large, info: { ...large.info, narHash: hashBytes('sha256', 'x') } };
    objects.stored.delete(keyOf(large));
    await using again = await caches.open('', { objects, writing: { compression: 'none' } });
    await assert.rejects(again.addPaths(toAdd(wrong)), { code: 'corrupt' });
    assert.deepEqual(readdirSync(caches.temporaryDir), []);
  });

  test('listings and the index of debug information name the NAR', async () => {
    using temp = makeTempDirectory({ ram: true });
    const ids = temp.join('tree/lib/debug/.build-id/ab');
    mkdirSync(ids, { recursive: true });
    const rest = 'c'.repeat(38);
    writeFileSync(`${ids}/${rest}.debug`, 'debug');
    writeFileSync(`${ids}/short.debug`, 'x');
    symlinkSync('short.debug', `${ids}/${'d'.repeat(38)}.debug`);
    const objects = watched();
    const writing = { writesListing: true, indexesDebugInfo: true };
    await using store = await caches.open('', { objects, writing });
    const digest = await caches.workers.hash({ tree: temp.join('tree') });
    const { info } = samplePath('debug');
    const path = {
      info: { ...info, narHash: digest.narHash, narSize: digest.narSize },
      nar: { ...toStream(info.path), tree: temp.join('tree') },
    };
    await store.addPaths(
      (async function* () {
        yield path;
      })(),
    );
    const { url } = narInfoOf(objects, { info, nar: Buffer.of() });
    const member = `lib/debug/.build-id/ab/${rest}.debug`;
    assert.deepEqual(
      objects.keys().filter((key) => key.startsWith('debuginfo/')),
      [`debuginfo/ab${rest}.debug`],
    );
    assert.deepEqual(JSON.parse(objects.text(`debuginfo/ab${rest}.debug`)), {
      archive: `../${url}`,
      member,
    });
    const listing = await store.readListing(info.path);
    assert.equal(listing?.type, 'directory');
  });
});
