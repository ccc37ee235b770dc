/** NARs out of caches: independent streams, read ahead where they are small, and never others than were meant. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { openCacheStores } from '../../../test/support/cache-stores.ts';
import { changeNarInfo, filledObjects, narInfoOf } from '../../../test/support/memory-caches.ts';
import { openLocalStores } from '../../../test/support/local-stores.ts';
import { MemoryObjects } from '../../../test/support/memory-objects.ts';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { readAll, sampleClosure, samplePath, toAdd } from '../../../test/conformance/nars.ts';
import { copyClosure } from '../../copy/copy.ts';
import { defaultStoreDir, type StorePath } from '../../format/store-path.ts';
import type { CacheStore } from './cache-store.ts';

const caches = openCacheStores();
after(() => caches[Symbol.asyncDispose]());

const { a, b, c, d } = sampleClosure();
const print = (path: StorePath): string => `${defaultStoreDir}/${path}`;

function open(objects: MemoryObjects): Promise<CacheStore> {
  return caches.open('', { objects });
}

async function readOne(store: CacheStore, path: StorePath): Promise<Uint8Array> {
  for await (const nar of store.readNars([path])) return await readAll(nar);
  throw new Error('no stream');
}

describe('reading NARs', () => {
  test('streams are independent: in any order, several at once, or not at all', async () => {
    const objects = await filledObjects(caches, [a, b, c, d]);
    await using store = await open(objects);
    const streams = [];
    for await (const nar of store.readNars([a, b, c, d].map(({ info }) => info.path))) {
      assert.equal(nar.isIndependent, true);
      streams.push(nar);
    }
    const [first, , third, last] = streams;
    assert.ok(first !== undefined && third !== undefined && last !== undefined);
    const [read4, read1] = await Promise.all([readAll(last), readAll(first)]);
    assert.equal(Buffer.compare(read4, d.nar), 0);
    assert.equal(Buffer.compare(read1, a.nar), 0);
    assert.equal(Buffer.compare(await readAll(third), c.nar), 0);
    assert.equal(objects.openBodies, 0);
  });

  test('small ones are fetched ahead, within bounds, each once', async () => {
    const samples = Array.from({ length: 50 }, (_, i) => samplePath(`s${i}`));
    const objects = await filledObjects(caches, [...samples], 3);
    await using store = await open(objects);
    let count = 0;
    for await (const nar of store.readNars(samples.map(({ info }) => info.path))) {
      const ahead = objects.count('get') - count;
      assert.ok(ahead <= 6, `${ahead} ahead`);
      if (count === 0) assert.equal(ahead, 6);
      await readAll(nar);
      count++;
    }
    assert.equal(objects.count('get'), 50);
    assert.equal(objects.openBodies, 0);
  });

  test('nobody who leaves streams unread stops the others', async () => {
    const samples = Array.from({ length: 300 }, (_, i) => samplePath(`u${i}`));
    const objects = await filledObjects(caches, [...samples], 2);
    await using store = await open(objects);
    let last;
    for await (const nar of store.readNars(samples.map(({ info }) => info.path))) last = nar;
    assert.ok(last !== undefined);
    assert.equal(Buffer.compare(await readAll(last), samples.at(-1)?.nar ?? Buffer.of()), 0);
  });

  test('breaking off ends the request', async () => {
    const large = samplePath('large', [], 'x'.repeat(1_500_000));
    const objects = await filledObjects(caches, [large]);
    await using store = await open(objects);
    for await (const nar of store.readNars([large.info.path])) {
      for await (const _ of nar) break;
    }
    assert.equal(objects.openBodies, 0);
  });

  test('closing the store ends what is under way', async () => {
    const objects = await filledObjects(caches, [a, b, c, d]);
    const store = await open(objects);
    await assert.rejects(async () => {
      for await (const nar of store.readNars([d.info.path])) {
        for await (const _ of nar) await store[Symbol.asyncDispose]();
      }
    }, /is closed/);
  });

  const faults: readonly {
    readonly name: string;
    readonly change: (objects: MemoryObjects, url: string) => void;
    readonly code: string;
    readonly message: RegExp;
  }[] = [
    {
      name: 'a file that is missing',
      change: (objects, url) => objects.stored.delete(url),
      code: 'not-found',
      message: /there is no such file/,
    },
    {
      name: 'a file that is cut',
      change: (objects, url) =>
        objects.set(url, objects.stored.get(url)?.bytes.subarray(0, 300) ?? ''),
      code: 'corrupt',
      message: /it has 300 bytes instead of \d+/,
    },
    {
      name: 'a file that goes on',
      change: (objects, url) =>
        objects.set(url, Buffer.concat([objects.stored.get(url)?.bytes ?? Buffer.of(), a.nar])),
      code: 'corrupt',
      message: /it is longer than the \d+ bytes of its narinfo/,
    },
    {
      name: 'a file with other contents',
      change: (objects, url) =>
        objects.set(url, Buffer.from(objects.stored.get(url)?.bytes ?? []).fill(1, 200, 201)),
      code: 'corrupt',
      message: /it has hash sha256:\w+ instead of sha256:/,
    },
    {
      name: 'a NAR that is longer than it says',
      change: (objects) => {
        const { info } = narInfoOf(objects, d);
        const narSize = info.narSize - 8;
        changeNarInfo(objects, d, {
          info: { ...info, narSize },
          fileSize: undefined,
          fileHash: undefined,
        });
      },
      code: 'corrupt',
      message: /more than \d+ bytes come out/,
    },
    {
      name: 'a NAR that is shorter than it says',
      change: (objects) => {
        const { info } = narInfoOf(objects, d);
        changeNarInfo(objects, d, { info: { ...info, narSize: info.narSize + 8 } });
      },
      code: 'corrupt',
      message: /\d+ bytes come out of it instead of/,
    },
    {
      name: 'a file that nothing comes out of, of a size that nothing has',
      change: (objects, url) => {
        objects.set(url, Buffer.alloc(4 << 20, '502a4d1800000000', 'hex'));
        const hints = { compression: 'zstd', fileSize: 2 ** 50, fileHash: undefined };
        changeNarInfo(objects, d, hints);
      },
      code: 'corrupt',
      message: /it goes on for longer than a NAR of \d+ bytes can/,
    },
    {
      name: 'a compression that nobody knows',
      change: (objects) => changeNarInfo(objects, d, { compression: 'lrzip' }),
      code: 'unsupported',
      message: /its compression "lrzip" is not known here/,
    },
    {
      name: 'another compression than it says',
      change: (objects) => changeNarInfo(objects, d, { compression: 'gzip' }),
      code: 'corrupt',
      message: /gzip/,
    },
  ];
  for (const fault of faults) {
    test(`${fault.name} is told with its URL and path`, async () => {
      const objects = await filledObjects(caches, [a, b, c, d]);
      const { url } = narInfoOf(objects, d);
      fault.change(objects, url);
      await using store = await open(objects);
      await assert.rejects(readOne(store, d.info.path), (error: Error) => {
        assert.match(error.message, fault.message);
        assert.ok(error.message.includes(url) && error.message.includes(print(d.info.path)));
        assert.equal('code' in error && error.code, fault.code);
        return true;
      });
    });
  }

  test('a local store decompresses by itself, and tells the same of what is wrong', async () => {
    using temp = makeTempDirectory({ ram: true });
    await using stores = openLocalStores();
    for (const compression of ['none', 'zstd', 'gzip'] as const) {
      const objects = new MemoryObjects();
      await using cache = await caches.open('', { objects, writing: { compression } });
      await cache.addPaths(toAdd(a, b, c, d));
      await using local = await stores.open(temp.join(compression));
      const copy = (path: StorePath): Promise<unknown> => copyClosure(cache, local, [path]);
      await copy(c.info.path);
      assert.equal((await local.queryAllValidPaths()).length, 3);
      const { url, fileSize = 0 } = narInfoOf(objects, d);
      const whole = objects.stored.get(url)?.bytes ?? Buffer.of();
      const damaged = Buffer.from(whole).fill(1, fileSize >> 1, (fileSize >> 1) + 9);
      for (const wrong of [damaged, whole.subarray(0, 40), Buffer.concat([whole, whole])]) {
        objects.set(url, wrong);
        await assert.rejects(copy(d.info.path), (error: Error) => {
          assert.ok(error.message.includes(url) && error.message.includes(print(d.info.path)));
          assert.equal('code' in error && error.code, 'corrupt');
          return true;
        });
      }
      objects.stored.delete(url);
      await assert.rejects(copy(d.info.path), { code: 'not-found', message: /no such file/ });
      objects.set(url, whole);
      await copy(d.info.path);
      assert.equal(objects.openBodies, 0);
    }
  });

  test('the error of the far end is passed on', async () => {
    const objects = await filledObjects(caches, [a]);
    objects.before = (request) => {
      if (request.startsWith('get')) throw new Error('the far end is on fire');
    };
    await using store = await open(objects);
    await assert.rejects(readOne(store, a.info.path), /on fire/);
  });
});
