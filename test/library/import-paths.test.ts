/** What must hold of an import whatever comes in: paths before what is wrong are there, of what is after nothing is left. */
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleClosure, samplePath, type Sample } from '../conformance/nars.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory } from '../support/temp.ts';
import {
  edgesOf,
  exportMagic,
  hugeNar,
  recordOf,
  streamOf,
  validBefore,
} from '../support/export-streams.ts';
import { bytesOf, u64 } from '../vectors/nar/build.ts';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { hashBytes } from '../../src/format/hash.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { loadFlock, openLockFile } from '../../src/system/flock.ts';
import type { ImportResult } from '../../src/store/store.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';
import { tryLockPath } from '../../src/store/local/path-lock.ts';

async function* chunksOf(bytes: Uint8Array, size = 70_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function importInto(
  store: LocalStore,
  bytes: Uint8Array,
  size?: number,
): Promise<[StorePath, ImportResult][]> {
  const imported: [StorePath, ImportResult][] = [];
  const onImported = (path: StorePath, result: ImportResult): void => {
    imported.push([path, result]);
  };
  await store.importPaths?.(new ByteReader(chunksOf(bytes, size)), { onImported });
  return imported;
}

/** What lies in the store beside `.links`. */
function entriesOf(store: LocalStore): string[] {
  const names = readdirSync(store.toRealPath('' as StorePath));
  return names.filter((name) => name !== '.links').sort();
}

/** Nothing lies there but what is valid, whole. */
async function requireSound(store: LocalStore, paths: readonly StorePath[]): Promise<void> {
  const valid = await store.queryAllValidPaths();
  assert.deepEqual([...valid].sort(), [...paths].sort());
  assert.deepEqual(entriesOf(store), [...paths].sort());
  const broken: unknown[] = [];
  await store.verifyPaths(valid, {
    checkContents: true,
    onResult: (result) => {
      if (result.state !== 'whole') broken.push(result);
    },
  });
  assert.deepEqual(broken, []);
}

const stores = openLocalStores();
const temp = makeTempDirectory({ ram: true });
let count = 0;

async function withStore(use: (store: LocalStore, root: string) => Promise<void>): Promise<void> {
  const root = temp.join(`store-${count++}`);
  await using store = await stores.open(root);
  await use(store, root);
}

describe('importing an export stream', async () => {
  const { a, b, c, d } = sampleClosure();
  const stream = streamOf(a, b, c, d);
  const all = [a, b, c, d].map(({ info }) => info.path);

  test('makes its paths valid, in their order and however it is cut', async () => {
    for (const size of [1000, 4096, 70_000, stream.length]) {
      await withStore(async (store) => {
        const imported = await importInto(store, stream, size);
        assert.deepEqual(
          imported,
          [a, b, c, d].map(({ info }) => [info.path, { wasValid: false, narSize: info.narSize }]),
        );
        await requireSound(store, all);
        const infos = await store.queryPathInfos(all);
        for (const { info } of [a, b, c, d]) {
          const found = infos.get(info.path);
          assert.deepEqual(found?.narHash, info.narHash);
          assert.deepEqual(found?.references, info.references);
          assert.deepEqual(
            [found?.signatures, found?.ca, found?.ultimate ?? false, found?.deriver],
            [[], undefined, false, undefined],
          );
        }
      });
    }
  });

  test('leaves whole what is valid where whoever is told of it fails', async () => {
    await withStore(async (store) => {
      const onImported = (): void => {
        throw new Error('nobody listens');
      };
      const importing = store.importPaths?.(new ByteReader(chunksOf(stream)), { onImported });
      await assert.rejects(importing ?? Promise.resolve(), /nobody listens/);
      await requireSound(store, all);
    });
  });

  test('of nothing is fine, and leaves the reader behind its end', async () => {
    await withStore(async (store) => {
      assert.deepEqual(await importInto(store, u64(0)), []);
      const reader = new ByteReader(chunksOf(bytesOf(stream, 'next')));
      await store.importPaths?.(reader);
      assert.equal(reader.offset, stream.length);
    });
  });

  test('that is valid already changes nothing, whatever it has', async () => {
    await withStore(async (store) => {
      await importInto(store, stream);
      const others = [samplePath('a', [], 'other contents'), samplePath('b', [d.info.path], 'too')];
      const imported = await importInto(store, streamOf(...others, d));
      assert.deepEqual(
        imported.map(([path, { wasValid }]) => [path, wasValid]),
        [a, b, d].map(({ info }) => [info.path, true]),
      );
      await requireSound(store, all);
      const info = (await store.queryPathInfos([a.info.path])).get(a.info.path);
      assert.deepEqual(info?.narHash, hashBytes('sha256', a.nar));
    });
  });

  test('with a path twice takes the first', async () => {
    await withStore(async (store) => {
      const again = { ...samplePath('a', [], 'again'), info: a.info };
      const imported = await importInto(store, streamOf(a, again, b, b));
      assert.deepEqual(
        imported.map(([path, { wasValid }]) => [path, wasValid]),
        [
          [a.info.path, false],
          [a.info.path, true],
          [b.info.path, false],
          [b.info.path, true],
        ],
      );
      await requireSound(store, [a.info.path, b.info.path]);
    });
  });

  test('replaces what lies in the way and is not valid', async () => {
    await withStore(async (store) => {
      await importInto(store, streamOf(a));
      mkdirSync(join(store.toRealPath(b.info.path), 'left/behind'), { recursive: true });
      await importInto(store, stream);
      await requireSound(store, all);
    });
  });

  const elsewhere = samplePath('elsewhere');
  const refused: [string, Uint8Array, readonly Sample[], RegExp][] = [
    ['a reference that is not valid', streamOf(a, c, d), [a], /which is not valid$/],
    ['a reference that comes later', streamOf(b, a), [], /which is not valid$/],
    [
      'a cycle',
      bytesOf(
        recordOf(a),
        recordOf(b, { references: [elsewhere.info.path] }),
        recordOf(elsewhere, { references: [b.info.path] }),
      ),
      [a],
      /which is not valid$/,
    ],
    [
      'another store directory',
      bytesOf(recordOf(a), u64(1), b.nar, exportMagic, `/gnu/store/${b.info.path}`),
      [a],
      /is not in the store/,
    ],
    [
      'a name with a slash',
      bytesOf(recordOf(a), u64(1), b.nar, exportMagic, `/nix/store/${b.info.path}/etc`),
      [a],
      /\/etc/,
    ],
    [
      'a name that leads out',
      bytesOf(recordOf(a), u64(1), b.nar, exportMagic, `/nix/store/../${b.info.path}`),
      [a],
      /is not/,
    ],
    [
      'a giant list of references',
      bytesOf(recordOf(a), u64(1), b.nar, exportMagic, `/nix/store/${b.info.path}`, u64(2 ** 50)),
      [a],
      /references/,
    ],
    [
      'a giant length',
      bytesOf(recordOf(a), u64(1), b.nar, exportMagic, u64(2 ** 52), 'x'),
      [a],
      /path/,
    ],
    ['another magic', bytesOf(recordOf(a), u64(1), b.nar, u64(7), 'x'), [a], /magic/],
    ['another mark', bytesOf(recordOf(a), u64(7)), [a], /doesn't look like/],
    ['a mark beyond all numbers', bytesOf(recordOf(a), u64(2n ** 64n - 1n)), [a], /doesn't look/],
    ['a file in the size of the sea', bytesOf(recordOf(a), u64(1), hugeNar()), [a], /end of input/],
    ['a derivation that is none', streamOf(a, samplePath('x.drv'), b), [a], /x\.drv/],
  ];
  for (const [name, bytes, before, message] of refused) {
    test(`with ${name} ends there`, async () => {
      await withStore(async (store) => {
        const imported: string[] = [];
        const onImported = (path: StorePath): void => void imported.push(path);
        await assert.rejects(
          store.importPaths?.(new ByteReader(chunksOf(bytes)), { onImported }) ?? Promise.resolve(),
          { message },
        );
        const paths = before.map(({ info }) => info.path);
        assert.deepEqual(imported, paths);
        await requireSound(store, paths);
        // And nothing is in the way of doing it right.
        await importInto(store, stream);
        await requireSound(store, all);
      });
    });
  }

  test('that breaks off keeps the paths before', async () => {
    const whole = streamOf(a, b, c);
    const edges = edgesOf([a, b, c]);
    const end = edges.findIndex(({ paths }) => paths.length === 2);
    for (const { at } of edges.slice(end - 4, end + 4)) {
      await withStore(async (store) => {
        await assert.rejects(importInto(store, whole.subarray(0, at)), { code: 'corrupt' });
        await requireSound(store, validBefore(edges, at));
      });
    }
  });

  test('ends when it is aborted, though nothing more comes', async () => {
    await withStore(async (store) => {
      const stop = new AbortController();
      const half = bytesOf(recordOf(a), recordOf(d, { references: [] })).subarray(0, 200_000);
      const stalling = async function* (): AsyncGenerator<Uint8Array> {
        yield half.slice();
        await new Promise(() => {});
      };
      const reason = new Error('enough');
      const isThere = Promise.withResolvers<void>();
      const { signal } = stop;
      const options = { signal, onImported: () => isThere.resolve() };
      const importing = store.importPaths?.(new ByteReader(stalling()), options);
      const ended = assert.rejects(importing ?? Promise.resolve(), reason);
      await isThere.promise;
      assert.deepEqual(await store.queryAllValidPaths(), [a.info.path]);
      stop.abort(reason);
      await ended;
      await requireSound(store, [a.info.path]);
    });
  });

  test('waits for who is making one of its paths', async () => {
    await withStore(async (store) => {
      await importInto(store, u64(0));
      const lock = tryLockPath(await loadFlock(), store.toRealPath(b.info.path));
      assert.ok(lock !== undefined);
      const isThere = Promise.withResolvers<void>();
      const options = { onImported: () => isThere.resolve() };
      const importing = store.importPaths?.(new ByteReader(chunksOf(stream)), options);
      await isThere.promise;
      // Time enough to go on, if it did.
      await sleep(100);
      assert.deepEqual(await store.queryAllValidPaths(), [a.info.path]);
      lock.release();
      await importing;
      await requireSound(store, all);
    });
  });

  test('tidies up after one that was killed, and after none that lives', async () => {
    await withStore(async (store) => {
      await importInto(store, streamOf(a));
      const areas = ['0', '1'].map((digit) => digit.repeat(32));
      for (const area of areas) {
        mkdirSync(store.toRealPath(`${area}-7-importing.ferry/some/tree` as StorePath), {
          recursive: true,
        });
        writeFileSync(store.toRealPath(`${area}-importing.ferry.lock` as StorePath), '');
      }
      // Names that are alike, and none of ours.
      const others = [
        `${'2'.repeat(32)}-importing.ferry.lock`,
        `${'3'.repeat(32)}-x-importing.ferry`,
      ];
      writeFileSync(store.toRealPath(others[0] as StorePath), 'not empty');
      mkdirSync(store.toRealPath(others[1] as StorePath));
      const held = openLockFile(store.toRealPath(`${areas[1]}-importing.ferry.lock` as StorePath));
      const flock = await loadFlock();
      assert.ok(flock.tryLock(held, 'exclusive'));
      await importInto(store, streamOf(a, b));
      const left = entriesOf(store).filter((name) => name.includes('importing'));
      const alive = [`${areas[1]}-7-importing.ferry`, `${areas[1]}-importing.ferry.lock`];
      assert.deepEqual(left, [...alive, ...others]);
      closeSync(held);
      await importInto(store, streamOf(a));
      assert.deepEqual(
        entriesOf(store).filter((name) => name.includes('importing')),
        others,
      );
    });
  });

  test('keeps paths that are called like what it makes', async () => {
    await withStore(async (store) => {
      const named = ['importing.ferry', 'importing.ferry.lock', '0-importing.ferry'].map((name) =>
        samplePath(name),
      );
      await importInto(store, streamOf(...named));
      await importInto(store, streamOf(...named, a));
      await requireSound(
        store,
        [...named, a].map(({ info }) => info.path),
      );
    });
  });

  test('may be done several times at once', async () => {
    await withStore(async (store) => {
      await Promise.all([
        importInto(store, stream),
        importInto(store, streamOf(a, b, c), 5000),
        importInto(store, streamOf(a)),
      ]);
      await requireSound(store, all);
    });
  });

  test('of many paths registers them all', async () => {
    await withStore(async (store) => {
      const many = Array.from({ length: 400 }, (_, i) => samplePath(`many-${i}`, [a.info.path]));
      const imported = await importInto(store, streamOf(a, ...many));
      assert.equal(imported.length, 401);
      await requireSound(
        store,
        [a, ...many].map(({ info }) => info.path),
      );
    });
  });

  test.after(async () => {
    await stores[Symbol.asyncDispose]();
    temp[Symbol.dispose]();
  });
});
