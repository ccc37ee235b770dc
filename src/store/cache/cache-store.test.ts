/** Binary caches as stores: what is asked of their objects, in which order, and what becomes of wrong answers. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  changeNarInfo,
  filledObjects,
  keyOf,
  narInfoOf,
} from '../../../test/support/memory-caches.ts';
import { MemoryObjects } from '../../../test/support/memory-objects.ts';
import { openCacheStores, type CacheOptions } from '../../../test/support/cache-stores.ts';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import {
  readAll,
  sampleClosure,
  samplePath,
  toAdd,
  type Sample,
} from '../../../test/conformance/nars.ts';
import { fingerprintOf } from '../../format/path-info.ts';
import { generateSecretKey, signText, TrustedKeys } from '../../format/signature.ts';
import {
  defaultStoreDir,
  hashPartOf,
  parseStoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { CacheStore } from './cache-store.ts';
import { openDiskCache, type DiskCache } from './disk-cache.ts';

const caches = openCacheStores();
after(() => caches[Symbol.asyncDispose]());

const { a, b, c, d } = sampleClosure();
const print = (path: StorePath): string => `${defaultStoreDir}/${path}`;
function open(objects: MemoryObjects, options: CacheOptions = {}): Promise<CacheStore> {
  return caches.open('', { objects, ...options });
}

async function readOne(store: CacheStore, path: StorePath): Promise<Uint8Array> {
  for await (const nar of store.readNars([path])) return await readAll(nar);
  throw new Error('no stream');
}

describe('nix-cache-info', () => {
  test('says how the cache wants to be used', async () => {
    const objects = new MemoryObjects();
    objects.set('nix-cache-info', 'StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 30\n');
    await using store = await open(objects);
    assert.deepEqual(store.substituter, { priority: 30, wantMassQuery: true, isTrusted: false });
    assert.deepEqual(objects.log, ['read nix-cache-info']);
  });

  test('of another store directory the cache is refused, and its objects are closed', async () => {
    const objects = new MemoryObjects();
    objects.set('nix-cache-info', 'StoreDir: /gnu/store\n');
    await assert.rejects(open(objects), {
      code: 'unsupported',
      message: /its paths are in "\/gnu\/store", not in "\/nix\/store"/,
    });
    assert.equal(objects.isDisposed, true);
    await using store = await open(objects, { storeDir: parseStoreDir('/gnu/store') });
    assert.equal(store.storeDir, '/gnu/store');
  });

  test('that is none is refused', async () => {
    const objects = new MemoryObjects();
    objects.set('nix-cache-info', '<html>Welcome</html>');
    await assert.rejects(open(objects), { code: 'corrupt', message: /is not a binary cache/ });
  });

  test('that is missing makes an empty cache to write to, and no cache to copy from', async () => {
    const objects = new MemoryObjects();
    await using store = await open(objects);
    assert.deepEqual(await store.queryValidPaths([a.info.path]), new Set());
    await assert.rejects(store.queryClosure([a.info.path]), {
      code: 'not-found',
      message: /is not a binary cache/,
      hint: /nix-cache-info/,
    });
    assert.deepEqual(objects.keys(), []);
    await store.addPaths(toAdd(a));
    assert.equal(objects.text('nix-cache-info'), 'StoreDir: /nix/store\n');
    assert.equal((await store.queryClosure([a.info.path])).size, 1);
  });

  test('that somebody else wrote meanwhile stays', async () => {
    const objects = new MemoryObjects();
    await using store = await open(objects);
    objects.set('nix-cache-info', 'StoreDir: /nix/store\nPriority: 7\n');
    await store.addPaths(toAdd(a));
    assert.match(objects.text('nix-cache-info'), /Priority: 7/);
    assert.equal(objects.count('put nix-cache-info'), 0);
  });
});

describe('narinfos', () => {
  test('are asked for side by side, as many as the objects take', async () => {
    const samples = Array.from({ length: 40 }, (_, i) => samplePath(`n${i}`));
    const objects = await filledObjects(caches, [...samples], 5);
    await using store = await open(objects);
    const paths = samples.map(({ info }) => info.path);
    assert.equal((await store.queryPathInfos(paths)).size, 40);
    assert.equal(objects.mostRunning, 5);
    await store.queryPathInfos(paths);
    assert.equal(objects.count('read'), 41, 'each once, and nix-cache-info');
    await store.queryValidPaths(paths);
    assert.equal(objects.count('read'), 81, 'whether they are there is asked again');
  });

  test('of a closure are asked for as soon as they are seen: a slow one holds up nobody', async () => {
    const chain: Sample[] = [];
    for (let i = 0; i < 10; i++) {
      chain.push(
        samplePath(
          `chain${i}`,
          chain.slice(-1).map(({ info }) => info.path),
        ),
      );
    }
    const slow = samplePath('slow');
    const root = samplePath('root', [chain.at(-1)?.info.path ?? slow.info.path, slow.info.path]);
    const objects = await filledObjects(caches, [...chain, slow, root]);
    const end = Promise.withResolvers<void>();
    objects.before = async (request) => {
      if (request === `read ${keyOf(slow)}`) await end.promise;
      if (chain[0] !== undefined && request === `read ${keyOf(chain[0])}`) end.resolve();
    };
    await using store = await open(objects);
    assert.equal((await store.queryClosure([root.info.path])).size, 12);
    assert.equal(objects.count('read'), 13);
  });

  test('that are missing in a closure are named, with who refers to them', async () => {
    const objects = await filledObjects(caches, [a, b, c]);
    objects.stored.delete(keyOf(a));
    await using store = await open(objects);
    await assert.rejects(store.queryClosure([c.info.path]), {
      code: 'not-found',
      message: `path "${print(a.info.path)}", to which "${print(b.info.path)}" refers, is not valid in "${objects.uri}"`,
    });
  });

  test('of another path than was asked for count as none, and are told', async () => {
    const warnings: string[] = [];
    const objects = await filledObjects(caches, [a, b]);
    objects.set(keyOf(a), objects.text(keyOf(b)));
    const renamed = `${hashPartOf(b.info.path)}-renamed` as StorePath;
    await using store = await open(objects, { onDiagnostic: (line) => warnings.push(line) });
    assert.deepEqual(await store.queryPathInfos([a.info.path, renamed]), new Map());
    const told = [keyOf(a), print(renamed)].map(
      (asked) => `warning: asked "${objects.uri}" for "${asked}" but got "${print(b.info.path)}"`,
    );
    assert.deepEqual(warnings.toSorted(), told.toSorted());
    await assert.rejects(store.queryClosure([a.info.path]), { code: 'not-found' });
    assert.equal(await store.queryPathFromHashPart(hashPartOf(b.info.path)), b.info.path);
    assert.equal(await store.queryPathFromHashPart(hashPartOf(a.info.path)), undefined);
    await assert.rejects(store.queryPathFromHashPart('nonsense'), { code: 'usage' });
  });

  test('that are damaged count as none, are told, and are written anew by who adds the path', async () => {
    const warnings: string[] = [];
    const objects = await filledObjects(caches, [a]);
    const whole = objects.text(keyOf(a));
    objects.set(keyOf(a), whole.slice(0, -5));
    await using store = await open(objects, { onDiagnostic: (line) => warnings.push(line) });
    assert.deepEqual(await store.queryValidPaths([a.info.path]), new Set());
    assert.match(warnings[0] ?? '', /^warning: cannot read "https.*narinfo": line 8: /);
    await assert.rejects(store.queryClosure([a.info.path]), { code: 'corrupt', message: /line 8/ });
    await store.addPaths(toAdd(a));
    assert.equal((await store.queryValidPaths([a.info.path])).size, 1);
  });

  test('get more signatures, and keep what nobody understands', async () => {
    const objects = await filledObjects(caches, [a]);
    objects.set(keyOf(a), `Future: thing\n${objects.text(keyOf(a))}`);
    await using store = await open(objects);
    const signature = signText(generateSecretKey('k-1'), 'x');
    await store.addSignatures(new Map([[a.info.path, [signature]]]));
    assert.match(objects.text(keyOf(a)), /^Future: thing\n/);
    assert.deepEqual(narInfoOf(objects, a).info.signatures, [signature]);
    await store.addSignatures(new Map([[a.info.path, [signature]]]));
    assert.equal(objects.count('put'), 1);
    await assert.rejects(store.addSignatures(new Map([[b.info.path, [signature]]])), {
      code: 'not-found',
    });
  });

  test('that changed since they were told get no signature, which was made for what was told', async () => {
    const objects = await filledObjects(caches, [a]);
    await using store = await open(objects);
    await store.queryPathInfos([a.info.path]);
    const { info } = narInfoOf(objects, a);
    changeNarInfo(objects, a, { info: { ...info, references: [b.info.path] } });
    const signature = signText(generateSecretKey('k-1'), fingerprintOf(defaultStoreDir, a.info));
    const signatures = new Map([[a.info.path, [signature]]]);
    await assert.rejects(store.addSignatures(signatures), {
      code: 'conflict',
      path: print(a.info.path),
    });
    assert.equal(objects.count('put'), 0);
  });

  test('are listed with their real names, whatever else lies there', async () => {
    const objects = await filledObjects(caches, [a, b]);
    objects.set('README.narinfo', 'x');
    objects.set(`nar/${keyOf(a)}`, 'x');
    await using store = await open(objects);
    const paths = await store.queryAllValidPaths?.();
    assert.deepEqual(paths?.toSorted(), [a.info.path, b.info.path].sort());
  });
});

describe('the memory on disk', () => {
  const openDisk = (file: string): Promise<DiskCache> =>
    openDiskCache({
      file,
      identity: 'x',
      positiveTtlMs: 60_000,
      negativeTtlMs: 60_000,
      metaTtlMs: 60_000,
    });

  test('spares the next process its questions, but for what is to be added', async () => {
    using temp = makeTempDirectory({ ram: true });
    const file = temp.join('x.sqlite');
    const objects = await filledObjects(caches, [a, b]);
    const paths = [a, b, c].map(({ info }) => info.path);
    const ask = async (): Promise<number> => {
      await using store = await open(objects, { disk: await openDisk(file) });
      assert.equal((await store.queryPathInfos(paths)).size, 2);
      return objects.log.splice(0).length;
    };
    assert.equal(await ask(), 4);
    assert.equal(await ask(), 0);
    await using store = await open(objects, { disk: await openDisk(file) });
    assert.equal((await store.queryValidPaths(paths)).size, 2);
    assert.equal(objects.count('read'), 3);
  });

  test('forgets that there was none once it is added', async () => {
    using temp = makeTempDirectory({ ram: true });
    const file = temp.join('x.sqlite');
    const objects = await filledObjects(caches, [a]);
    {
      await using store = await open(objects, { disk: await openDisk(file) });
      assert.equal((await store.queryPathInfos([b.info.path])).size, 0);
    }
    {
      await using store = await open(objects, { disk: await openDisk(file) });
      await store.addPaths(toAdd(b));
    }
    await using store = await open(objects, { disk: await openDisk(file) });
    assert.equal((await store.queryPathInfos([b.info.path])).size, 1);
  });

  test('of a NAR that lies elsewhere by now is mended by asking once more', async () => {
    using temp = makeTempDirectory({ ram: true });
    const file = temp.join('x.sqlite');
    const objects = await filledObjects(caches, [a]);
    {
      await using store = await open(objects, { disk: await openDisk(file) });
      await store.queryPathInfos([a.info.path]);
    }
    const { url } = narInfoOf(objects, a);
    objects.set('nar/elsewhere', objects.stored.get(url)?.bytes ?? '');
    objects.stored.delete(url);
    changeNarInfo(objects, a, { url: 'nar/elsewhere' });
    await using store = await open(objects, { disk: await openDisk(file) });
    assert.deepEqual(Buffer.from(await readOne(store, a.info.path)), Buffer.from(a.nar));
  });
});

describe('listings, debug information, logs', () => {
  test('a listing is written beside the narinfo when asked for, and read', async () => {
    const objects = new MemoryObjects();
    await using store = await open(objects, {
      writing: { writesListing: true, encodings: { listing: 'gzip', narInfo: 'gzip' } },
    });
    await store.addPaths(toAdd(a));
    const stored = objects.stored.get(`${hashPartOf(a.info.path)}.ls`);
    assert.equal(stored?.contentEncoding, 'gzip');
    assert.equal(stored?.contentType, 'application/json');
    assert.equal(objects.stored.get(keyOf(a))?.contentEncoding, 'gzip');
    assert.equal(await store.readListing(b.info.path), undefined);
    objects.set(
      `${hashPartOf(a.info.path)}.ls`,
      '{"version":1,"root":{"type":"regular","size":5}}',
    );
    assert.deepEqual(await store.readListing(a.info.path), {
      type: 'regular',
      size: 5,
      executable: false,
      narOffset: undefined,
    });
    objects.set(`${hashPartOf(a.info.path)}.ls`, '{');
    await assert.rejects(store.readListing(a.info.path), { code: 'corrupt', message: /\.ls/ });
  });

  test('a log comes back as it was, however it was kept', async () => {
    const log = 'building\n'.repeat(5000);
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(Buffer.from(log));
    };
    const drv = `${a.info.path}.drv` as StorePath;
    for (const encoding of ['none', 'gzip', 'zstd'] as const) {
      const objects = new MemoryObjects();
      await using store = await open(objects, { writing: { encodings: { log: encoding } } });
      await store.addBuildLog(drv, chunks());
      const stored = objects.stored.get(`log/${drv}`);
      assert.equal(stored?.contentEncoding, encoding === 'none' ? undefined : encoding);
      const read = await store.readBuildLog(drv);
      assert.ok(read !== undefined);
      assert.equal(Buffer.from(await readAll(read)).toString(), log);
      assert.equal(await store.readBuildLog(b.info.path), undefined);
    }
    for (const short of ['', 'x', 'BZ']) {
      const objects = new MemoryObjects();
      objects.set(`log/${drv}`, short);
      await using store = await open(objects);
      const read = await store.readBuildLog(drv);
      assert.ok(read !== undefined);
      assert.equal(Buffer.from(await readAll(read)).toString(), short);
    }
  });
});

describe('removing', () => {
  test('narinfos go before those they refer to, then what belongs to them', async () => {
    const objects = await filledObjects(caches, [a, b, c, d]);
    await using store = await open(objects);
    const urls = [b, c, d].map((sample) => narInfoOf(objects, sample).url);
    await store.deletePaths([b, c, d].map(({ info }) => info.path));
    const deleted = objects.log.filter((request) => request.startsWith('delete'));
    const narInfos = deleted.filter((request) => request.endsWith('.narinfo'));
    assert.deepEqual(
      narInfos,
      [d, c, b].map((sample) => `delete ${keyOf(sample)}`),
    );
    assert.ok(deleted.slice(0, 3).every((request) => request.endsWith('.narinfo')));
    for (const url of urls) assert.equal(objects.stored.has(url), false);
    assert.equal((await store.queryValidPaths([a.info.path])).size, 1);
    assert.ok(objects.stored.has(narInfoOf(objects, a).url));
  });

  test('what others refer to stays, and a NAR that another path has too', async () => {
    const twin = samplePath('twin', [], 'a');
    const objects = await filledObjects(caches, [a, b, twin]);
    await using store = await open(objects);
    await assert.rejects(store.deletePaths([a.info.path]), {
      code: 'conflict',
      message: new RegExp(`"${print(b.info.path)}" refers to it`),
    });
    const { url } = narInfoOf(objects, twin);
    assert.equal(narInfoOf(objects, a).url, url);
    await store.deletePaths([twin.info.path, samplePath('unknown').info.path]);
    assert.ok(objects.stored.has(url));
    assert.equal(objects.stored.has(keyOf(twin)), false);
  });
});

test('what is added is signed with every key, and keeps the signatures it had', async () => {
  const objects = new MemoryObjects();
  const keys = [generateSecretKey('one-1'), generateSecretKey('two-1')];
  const old = signText(generateSecretKey('old-1'), 'x');
  await using store = await open(objects, { writing: { secretKeys: keys } });
  const info = {
    ...a.info,
    signatures: [old, 'not a signature'],
    registrationTime: 5,
    ultimate: true,
  };
  await store.addPaths(toAdd({ ...a, info }));
  const { signatures } = narInfoOf(objects, a).info;
  assert.equal(signatures.length, 3);
  assert.ok(signatures.includes(old));
  for (const key of keys) {
    const trusted = new TrustedKeys([key.publicKey]);
    const text = fingerprintOf(defaultStoreDir, a.info);
    assert.ok(signatures.some((signature) => trusted.verifies(signature, text)));
  }
  assert.deepEqual((await store.queryPathInfos([a.info.path])).get(a.info.path), {
    ...a.info,
    signatures,
  });
});
