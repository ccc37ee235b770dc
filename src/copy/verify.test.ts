import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleClosure, samplePath, toAdd, type Sample } from '../../test/conformance/nars.ts';
import { FerryError } from '../error.ts';
import { fingerprintOf, type PathInfo } from '../format/path-info.ts';
import { contentAddressedPath } from '../format/make-store-path.ts';
import { generateSecretKey, signText, TrustedKeys } from '../format/signature.ts';
import { defaultStoreDir, type StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { NarStream } from '../store/store.ts';
import {
  verifyPaths,
  type PathVerification,
  type VerifyOptions,
  type VerifySummary,
} from './verify.ts';

const { a, b, c } = sampleClosure();
const [one, two, other] = ['one-1', 'two-1', 'other-1'].map(generateSecretKey);
assert.ok(one !== undefined && two !== undefined && other !== undefined);
const trustedKeys = new TrustedKeys([one.publicKey, two.publicKey]);

type Key = typeof one;

function signed(sample: Sample, ...keys: readonly Key[]): Sample {
  const text = fingerprintOf(defaultStoreDir, sample.info);
  return {
    ...sample,
    info: { ...sample.info, signatures: keys.map((key) => signText(key, text)) },
  };
}

async function storeWith(...samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore({ chunkSize: 100 });
  await store.addPaths(toAdd(...samples));
  return store;
}

async function verify(
  store: MemoryStore,
  paths: readonly StorePath[],
  options: Partial<VerifyOptions> = {},
): Promise<{ summary: VerifySummary; results: Map<StorePath, PathVerification> }> {
  const results = new Map<StorePath, PathVerification>();
  const onResult = (result: PathVerification): void => {
    assert.ok(!results.has(result.path), 'each path is told of once');
    results.set(result.path, result);
  };
  const summary = await verifyPaths(store, paths, { trustedKeys, onResult, ...options });
  return { summary, results };
}

/** A store whose NARs or infos are not what they were. */
class Odd extends MemoryStore {
  readonly damaged: Map<StorePath, (nar: Uint8Array) => Uint8Array> = new Map();
  readonly unreadable: Map<StorePath, unknown> = new Map();
  readonly infos: Map<StorePath, Partial<PathInfo>> = new Map();
  independent = false;

  override async queryPathInfos(paths: Iterable<StorePath>): Promise<Map<StorePath, PathInfo>> {
    const infos = await super.queryPathInfos(paths);
    for (const [path, info] of infos) infos.set(path, { ...info, ...this.infos.get(path) });
    return infos;
  }

  override async *readNars(paths: Iterable<StorePath>): AsyncGenerator<NarStream> {
    for (const path of paths) {
      const chunks: Uint8Array[] = [];
      for await (const nar of super.readNars([path])) {
        for await (const chunk of nar) chunks.push(chunk);
      }
      const change = this.damaged.get(path) ?? ((nar: Uint8Array): Uint8Array => nar);
      const error = this.unreadable.get(path);
      if (error !== undefined && !this.independent) throw error;
      yield {
        path,
        isIndependent: this.independent,
        // oxlint-disable-next-line require-yield -- one that fails gives nothing
        async *[Symbol.asyncIterator]() {
          if (error !== undefined) throw error;
          yield change(Buffer.concat(chunks));
        },
      };
    }
  }
}

async function oddWith(...samples: readonly Sample[]): Promise<Odd> {
  const store = new Odd();
  await store.addPaths(toAdd(...samples));
  return store;
}

test('good is what has its contents and a signature by a trusted key', async () => {
  await using store = await storeWith(signed(a, one), signed(b, other), c);
  const { summary, results } = await verify(
    store,
    [a, b, c].map(({ info }) => info.path),
  );
  assert.deepEqual(summary, {
    checked: 3,
    narSize: a.info.narSize + b.info.narSize + c.info.narSize,
    corrupted: 0,
    untrusted: 2,
    failed: 0,
  });
  assert.deepEqual(results.get(a.info.path)?.trust, {
    isTrusted: true,
    because: undefined,
    signedBy: ['one-1'],
    needed: 1,
  });
  assert.equal(results.get(b.info.path)?.trust?.isTrusted, false);
  assert.equal(results.get(b.info.path)?.contents?.state, 'whole');
});

test('a key counts once, and so many different ones may be asked for', async () => {
  const twice = signed(a, one, two, other);
  await using store = await storeWith(twice, signed(b, one, one));
  const paths = [a.info.path, b.info.path];
  const { summary, results } = await verify(store, paths, { sigsNeeded: 2 });
  assert.equal(summary.untrusted, 1);
  assert.deepEqual(results.get(a.info.path)?.trust?.signedBy, ['one-1', 'two-1']);
  assert.deepEqual(results.get(b.info.path)?.trust?.signedBy, ['one-1']);
});

test('a signature of something else, or by another key of that name, is none', async () => {
  const impostor = generateSecretKey('one-1');
  const moved = { ...b, info: { ...b.info, signatures: signed(a, one).info.signatures } };
  await using store = await storeWith(signed(a, impostor), moved);
  const { summary } = await verify(store, [a.info.path, b.info.path]);
  assert.equal(summary.untrusted, 2);
});

test('built there counts where no number was asked for, named by contents always', async () => {
  const nar = a.info.narHash;
  const ca = { method: 'nar', hash: nar } as const;
  const path = contentAddressedPath(defaultStoreDir, 'a', ca);
  const addressed: Sample = { nar: a.nar, info: { ...a.info, path, ca } };
  await using store = await oddWith(addressed, a, b);
  store.infos.set(b.info.path, { ultimate: true });
  const paths = [addressed.info.path, b.info.path];
  assert.equal((await verify(store, paths)).summary.untrusted, 0);
  const strict = await verify(store, paths, { sigsNeeded: 1 });
  assert.equal(strict.summary.untrusted, 1);
  assert.equal(strict.results.get(path)?.trust?.because, 'content-addressed');
  // The address is right, and it isn't that of what lies there: nobody checked it when it was put into a cache.
  store.infos.set(path, { narHash: b.info.narHash });
  assert.equal((await verify(store, [path])).summary.untrusted, 1);
  store.infos.delete(path);
  // One that claims an address that gives another path proves nothing.
  store.infos.set(b.info.path, { ca });
  assert.equal((await verify(store, paths)).summary.untrusted, 1);
});

test('signatures of substituters count for the same contents', async () => {
  const rebuilt = samplePath('a', [], 'another build of it');
  await using store = await storeWith(a);
  await using same = await storeWith(signed(a, one));
  await using another = await storeWith(signed(rebuilt, one));
  class Dead extends MemoryStore {
    override queryPathInfos(): Promise<never> {
      return Promise.reject(new FerryError('unavailable', 'gone'));
    }
  }
  await using dead = new Dead();
  const told: unknown[] = [];
  const onSubstituterFailed = (_: unknown, error: unknown): number => told.push(error);
  const untrustedWith = async (...substituters: MemoryStore[]): Promise<number> =>
    (await verify(store, [a.info.path], { substituters, onSubstituterFailed })).summary.untrusted;
  assert.equal(await untrustedWith(another, dead), 1);
  assert.equal(await untrustedWith(another, dead, same), 0);
  assert.equal(told.length, 2);
});

for (const independent of [false, true]) {
  const how = independent ? 'read side by side' : 'read one after the other';
  test(`damage is told of each path, ${how}`, async () => {
    const samples = ['flip', 'short', 'long', 'good', 'empty', 'broken', 'locked'].map((name) =>
      samplePath(name),
    );
    const [flip, short, long, good, empty, broken, locked] = samples.map(({ info }) => info.path);
    assert.ok(flip && short && long && good && empty && broken && locked);
    await using store = await oddWith(...samples);
    store.independent = independent;
    store.damaged.set(flip, (nar) => nar.with(nar.length - 1, 1));
    store.damaged.set(short, (nar) => nar.subarray(0, nar.length - 8));
    store.damaged.set(long, (nar) => Buffer.concat([nar, Buffer.alloc(8)]));
    store.damaged.set(empty, () => new Uint8Array());
    store.unreadable.set(broken, new FerryError('corrupt', 'not an archive'));
    store.unreadable.set(locked, new FerryError('denied', 'no permission'));
    const { summary, results } = await verify(
      store,
      samples.map(({ info }) => info.path),
      { trust: false },
    );
    assert.deepEqual([summary.checked, summary.corrupted, summary.failed], [7, 5, 1]);
    const states = samples.map(({ info }) => results.get(info.path)?.contents?.state);
    assert.deepEqual(states, [
      'modified',
      'modified',
      'modified',
      'whole',
      'modified',
      'modified',
      'failed',
    ]);
    assert.equal(results.get(good)?.trust, undefined);
  });
}

test('a store that is gone ends it', async () => {
  await using store = await oddWith(a, b);
  store.unreadable.set(a.info.path, new FerryError('unavailable', 'gone'));
  await assert.rejects(verify(store, [a.info.path, b.info.path]), { code: 'unavailable' });
});

test('without contents nothing is read, without trust nobody is asked', async () => {
  await using store = await oddWith(a);
  store.unreadable.set(a.info.path, new FerryError('unavailable', 'gone'));
  const { results } = await verify(store, [a.info.path], { contents: false, trust: false });
  assert.deepEqual(
    [results.get(a.info.path)?.contents?.state, results.get(a.info.path)?.trust],
    ['whole', undefined],
  );
});

test('what is not valid is a failure, and an abort is passed on', async () => {
  await using store = await storeWith(a);
  const { summary, results } = await verify(store, [a.info.path, b.info.path]);
  assert.equal(summary.failed, 1);
  assert.equal(results.get(b.info.path)?.trust, undefined);
  const stop = AbortSignal.abort(new Error('stop'));
  await assert.rejects(verify(store, [a.info.path], { signal: stop }), { message: 'stop' });
});

test('many paths are taken in pieces', async () => {
  const samples = Array.from({ length: 2500 }, (_, i) => signed(samplePath(`p${i}`), one));
  await using store = await storeWith(...samples);
  const paths = samples.map(({ info }) => info.path);
  const { summary } = await verify(store, [...paths, ...paths]);
  assert.deepEqual([summary.checked, summary.untrusted, summary.corrupted], [2500, 0, 0]);
});
