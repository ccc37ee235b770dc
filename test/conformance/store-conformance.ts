/**
 * What every store must do, whatever lies behind it. A store's test file calls this with a way to open a fresh, empty,
 * writable one.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { computeClosure } from '../../src/copy/closure.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { sameContents } from '../../src/format/path-info.ts';
import { generateSecretKey, signText } from '../../src/format/signature.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import type { Store } from '../../src/store/store.ts';
import { readAll, sampleClosure, samplePath, toAdd, toStream, type Sample } from './nars.ts';

export interface StoreUnderTest {
  readonly name: string;
  /** An empty store, open; what is written through it needs no signatures. */
  readonly open: () => Promise<Store>;
  /** The same store again through a new connection, for those whose connection ends with an error. */
  readonly reopen?: () => Promise<Store>;
}

export function testStore({ name, open, reopen }: StoreUnderTest): void {
  const addAll = async (store: Store, ...samples: readonly Sample[]): Promise<void> => {
    assert.ok(store.addPaths !== undefined, 'the store is writable');
    await store.addPaths(toAdd(...samples), { checkSigs: false });
  };

  describe(`store conformance: ${name}`, () => {
    test('an empty store has nothing', async () => {
      await using store = await open();
      const { a } = sampleClosure();
      assert.deepEqual(await store.queryValidPaths([a.info.path]), new Set());
      assert.deepEqual(await store.queryPathInfos([a.info.path]), new Map());
      assert.deepEqual(await store.queryValidPaths([]), new Set());
      await assert.rejects(computeClosure(store, [a.info.path]), { code: 'not-found' });
    });

    test('what was added is valid, with its info and its bytes', async () => {
      await using store = await open();
      const { a, b, c, d } = sampleClosure();
      const added: StorePath[] = [];
      await store.addPaths?.(toAdd(a, b, c, d), {
        checkSigs: false,
        onAdded: (path) => added.push(path),
      });
      const paths = [a, b, c, d].map((sample) => sample.info.path);
      assert.deepEqual([...added].sort(), [...paths].sort());
      assert.deepEqual(await store.queryValidPaths(paths), new Set(paths));
      const infos = await store.queryPathInfos(paths);
      for (const { info } of [a, b, c, d]) {
        const there = infos.get(info.path);
        assert.ok(there !== undefined && sameContents(there, info), info.path);
      }
      const seen: StorePath[] = [];
      for await (const nar of store.readNars(paths)) {
        const sample = [a, b, c, d].find(({ info }) => info.path === nar.path);
        assert.deepEqual(Buffer.compare(await readAll(nar), sample?.nar ?? Buffer.of()), 0);
        seen.push(nar.path);
      }
      assert.deepEqual(seen, paths, 'NARs come in the order asked for');
    });

    test('the closure of a root is all it refers to', async () => {
      await using store = await open();
      const { a, b, c, d } = sampleClosure();
      await addAll(store, a, b, c, d);
      const closure = await computeClosure(store, [c.info.path]);
      assert.deepEqual([...closure.keys()].sort(), [a, b, c].map(({ info }) => info.path).sort());
      assert.equal((await computeClosure(store, [d.info.path])).size, 4);
      assert.equal((await computeClosure(store, [b.info.path], { noRecursive: true })).size, 1);
    });

    test('adding what is there already changes nothing', async () => {
      await using store = await open();
      const { a, b } = sampleClosure();
      await addAll(store, a);
      const before = await store.queryPathInfos([a.info.path]);
      await addAll(store, a, b);
      assert.deepEqual(await store.queryPathInfos([a.info.path]), before);
      assert.equal((await store.queryValidPaths([a.info.path, b.info.path])).size, 2);
    });

    test('wrong hash, wrong size: refused, and nothing is valid', async () => {
      const { a } = sampleClosure();
      const bad = [
        { ...a.info, narHash: hashBytes('sha256', 'other') },
        { ...a.info, narSize: a.info.narSize + 8 },
        { ...a.info, narSize: a.info.narSize - 8 },
      ];
      for (const info of bad) {
        await using store = await open();
        await assert.rejects(addAll(store, { info, nar: a.nar }));
        await using again = await reopen?.();
        assert.deepEqual(await (again ?? store).queryValidPaths([info.path]), new Set());
      }
    });

    test('a NAR that is cut, or goes on after its end, is refused', async () => {
      const { a } = sampleClosure();
      for (const nar of [
        a.nar.subarray(0, 40),
        a.nar.subarray(0, a.nar.length - 8),
        Buffer.concat([a.nar, a.nar]),
      ]) {
        await using store = await open();
        await assert.rejects(addAll(store, { info: a.info, nar }));
      }
    });

    test('a reference that is not valid is refused', async () => {
      await using store = await open();
      const { b } = sampleClosure();
      await assert.rejects(addAll(store, b));
    });

    test('an error of the source ends the call with that error', async () => {
      await using store = await open();
      const { a } = sampleClosure();
      const nar = {
        path: a.info.path,
        async *[Symbol.asyncIterator]() {
          yield a.nar.subarray(0, 16);
          throw new Error('the source went away');
        },
      };
      await assert.rejects(
        async () =>
          store.addPaths?.(
            (async function* () {
              yield { info: a.info, nar };
            })(),
            { checkSigs: false },
          ),
        /the source went away/,
      );
    });

    test('an abort ends the call with its reason', async () => {
      await using store = await open();
      const { a } = sampleClosure();
      const abort = new AbortController();
      const nar = {
        path: a.info.path,
        async *[Symbol.asyncIterator]() {
          yield a.nar.subarray(0, 16);
          abort.abort(new Error('enough'));
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          yield a.nar.subarray(16);
        },
      };
      await assert.rejects(
        async () =>
          store.addPaths?.(
            (async function* () {
              yield { info: a.info, nar };
            })(),
            { checkSigs: false, signal: abort.signal },
          ),
        /enough/,
      );
      await assert.rejects(
        store.queryValidPaths([a.info.path], { signal: abort.signal }),
        /enough/,
      );
    });

    test('reading a path that is not valid is refused', async () => {
      await using store = await open();
      const { a } = sampleClosure();
      await assert.rejects(
        async () => {
          for await (const nar of store.readNars([a.info.path])) await readAll(nar);
        },
        { code: 'not-found' },
      );
    });

    test('signatures travel, and can be added where the store keeps them', async () => {
      await using store = await open();
      const key = generateSecretKey('test-1');
      const plain = samplePath('signed');
      const [first, second] = [signText(key, 'x'), signText(generateSecretKey('other-1'), 'x')];
      await addAll(store, { ...plain, info: { ...plain.info, signatures: [first] } });
      const { path } = plain.info;
      assert.deepEqual((await store.queryPathInfos([path])).get(path)?.signatures, [first]);
      if (!store.features.has('sign')) return;
      await store.addSignatures?.(new Map([[path, [second, first]]]));
      assert.deepEqual(
        (await store.queryPathInfos([path])).get(path)?.signatures,
        [first, second].sort(),
      );
      await assert.rejects(async () => store.addSignatures?.(new Map([[path, ['no signature']]])));
    });

    test('a hold is taken on paths whether or not they are valid', async () => {
      await using store = await open();
      const { a, b } = sampleClosure();
      await addAll(store, a);
      if (!store.features.has('hold')) return;
      const valid = await store.queryValidPaths([a.info.path, b.info.path], { hold: true });
      assert.deepEqual(valid, new Set([a.info.path]));
    });

    test('hundreds of small paths go in one call', async () => {
      await using store = await open();
      const samples = Array.from({ length: 300 }, (_, i) => samplePath(`p${i}`));
      await addAll(store, ...samples);
      const paths = samples.map(({ info }) => info.path);
      assert.equal((await store.queryPathInfos(paths)).size, 300);
      let count = 0;
      for await (const nar of store.readNars(paths)) {
        await readAll(nar);
        count++;
      }
      assert.equal(count, 300);
    });

    test('disposing twice is fine, and what comes after fails', async () => {
      const store = await open();
      await store[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await assert.rejects(store.queryValidPaths([samplePath('x').info.path]));
    });

    test('chunks of every size are taken', async () => {
      await using store = await open();
      const { a } = sampleClosure();
      const bytes = Array.from(a.nar, (byte) => Uint8Array.of(byte));
      await store.addPaths?.(
        (async function* () {
          yield { info: a.info, nar: toStream(a.info.path, ...bytes) };
        })(),
        { checkSigs: false },
      );
      assert.equal((await store.queryValidPaths([a.info.path])).size, 1);
    });
  });
}
