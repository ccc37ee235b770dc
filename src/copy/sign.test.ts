import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleClosure, samplePath, toAdd, type Sample } from '../../test/conformance/nars.ts';
import { FerryError } from '../error.ts';
import { fingerprintOf, type PathInfo } from '../format/path-info.ts';
import { generateSecretKey, signText, TrustedKeys } from '../format/signature.ts';
import { defaultStoreDir, parseStoreDir, type StorePath } from '../format/store-path.ts';
import { MemoryStore } from '../store/memory.ts';
import type { Refusal, StoreFeature } from '../store/store.ts';
import { copyClosure } from './copy.ts';
import { planCopy } from './plan.ts';
import { copySignatures, signPaths } from './sign.ts';

const { a, b } = sampleClosure();
const [mine, theirs] = [generateSecretKey('mine-1'), generateSecretKey('theirs-1')];

async function storeWith(...samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.addPaths(toAdd(...samples));
  return store;
}

function signedBy(sample: Sample, ...keys: readonly (typeof mine)[]): Sample {
  const text = fingerprintOf(defaultStoreDir, sample.info);
  return {
    ...sample,
    info: { ...sample.info, signatures: keys.map((key) => signText(key, text)) },
  };
}

async function infoIn(store: MemoryStore, path: StorePath): Promise<PathInfo> {
  const info = (await store.queryPathInfos([path])).get(path);
  assert.ok(info !== undefined);
  return info;
}

async function assertSigned(store: MemoryStore, path: StorePath, by: string[]): Promise<void> {
  const info = await infoIn(store, path);
  const fingerprint = fingerprintOf(defaultStoreDir, info);
  const good = info.signatures.filter((text) => keys.verifies(text, fingerprint));
  assert.deepEqual(
    good.map((text) => text.slice(0, text.indexOf(':'))),
    by,
  );
}
const keys = new TrustedKeys([mine.publicKey, theirs.publicKey]);

/** A store that keeps what it is sent, and takes no signatures by themselves: as over ssh://. */
class WithoutSigning extends MemoryStore {
  override readonly features: ReadonlySet<StoreFeature> = new Set<StoreFeature>(['write']);
}

test('every key signs every path once', async () => {
  await using store = await storeWith(a, b);
  const paths = [a.info.path, b.info.path];
  assert.equal(await signPaths(store, paths, [mine]), 2);
  assert.equal(await signPaths(store, paths, [mine, theirs, theirs]), 2);
  assert.equal(await signPaths(store, paths, [mine, theirs]), 0);
  for (const path of paths) await assertSigned(store, path, ['mine-1', 'theirs-1']);
});

test('what is not valid, and a store without signatures, is an error', async () => {
  await using store = await storeWith(a);
  await assert.rejects(signPaths(store, [b.info.path], [mine]), { code: 'not-found' });
  await using other = new WithoutSigning();
  await assert.rejects(signPaths(other, [], [mine]), { code: 'unsupported' });
  await assert.rejects(copySignatures([store], other, []), { code: 'unsupported' });
});

test('signatures of other stores come over, for the same contents alone', async () => {
  const rebuilt = samplePath('a', [], 'another build of it');
  assert.equal(rebuilt.info.path, a.info.path);
  await using same = await storeWith(signedBy(a, mine), signedBy(b, mine, theirs));
  await using another = await storeWith(signedBy(rebuilt, theirs));
  await using elsewhere = new MemoryStore({ storeDir: parseStoreDir('/other/store') });
  await using store = await storeWith(a, signedBy(b, mine));
  const paths = [a.info.path, b.info.path];
  assert.equal(await copySignatures([another, elsewhere], store, paths), 0);
  assert.equal(await copySignatures([another, same, same], store, paths), 2);
  await assertSigned(store, a.info.path, ['mine-1']);
  await assertSigned(store, b.info.path, ['mine-1', 'theirs-1']);
  assert.equal(await copySignatures([another, same], store, paths), 0);
});

test('a store that fails is told of once, and the others are asked', async () => {
  let asked = 0;
  class Failing extends MemoryStore {
    override queryPathInfos(): Promise<never> {
      asked++;
      return Promise.reject(new FerryError('unavailable', 'gone'));
    }
  }
  const samples = Array.from({ length: 2001 }, (_, i) => samplePath(`p${i}`));
  await using good = await storeWith(...samples.map((sample) => signedBy(sample, mine)));
  await using store = await storeWith(...samples);
  await using bad = new Failing();
  const failed: unknown[] = [];
  const added = await copySignatures(
    [bad, good],
    store,
    samples.map(({ info }) => info.path),
    { onFailed: (_, error) => failed.push(error) },
  );
  assert.deepEqual([added, asked, failed.length], [2001, 1, 1]);
  await assert.rejects(copySignatures([bad], store, [samples[0]?.info.path ?? a.info.path]), {
    code: 'unavailable',
  });
});

test('a copy signs what it sends and what is there already', async () => {
  await using source = await storeWith(signedBy(a, theirs), b);
  await using destination = await storeWith(a);
  const plan = await planCopy(source, destination, [b.info.path], { signKeys: [mine] });
  assert.deepEqual(
    plan.missing.map(({ signatures }) => signatures.length),
    [1],
  );
  assert.equal(plan.newSignatures.get(a.info.path)?.length, 2);
  const summary = await copyClosure(source, destination, [b.info.path], { signKeys: [mine] });
  assert.equal(summary.signaturesAdded, 2);
  await assertSigned(destination, a.info.path, ['mine-1', 'theirs-1']);
  await assertSigned(destination, b.info.path, ['mine-1']);
  assert.deepEqual((await infoIn(source, b.info.path)).signatures, [], 'the source keeps its own');
  const again = await planCopy(source, destination, [b.info.path], { signKeys: [mine] });
  assert.equal(again.newSignatures.size, 0);
});

test('what is no signature stays where it is', async () => {
  class Odd extends MemoryStore {
    override async queryPathInfos(paths: Iterable<StorePath>): Promise<Map<StorePath, PathInfo>> {
      const infos = await super.queryPathInfos(paths);
      for (const [path, info] of infos)
        infos.set(path, { ...info, signatures: ['none', 'x:AAAA'] });
      return infos;
    }
  }
  await using source = new Odd();
  await source.addPaths(toAdd(a));
  await using destination = await storeWith(a);
  const summary = await copyClosure(source, destination, [a.info.path]);
  assert.equal(summary.signaturesAdded, 0);
});

test('another build at the destination gets none of our signatures', async () => {
  const rebuilt = samplePath('a', [], 'another build of it');
  await using source = await storeWith(signedBy(a, theirs));
  await using destination = await storeWith(rebuilt);
  const plan = await planCopy(source, destination, [a.info.path], { signKeys: [mine] });
  assert.deepEqual([plan.missing.length, plan.newSignatures.size], [0, 0]);
});

test('what cannot be signed where it lies is in the plan, and no error', async () => {
  await using source = await storeWith(signedBy(a, theirs), b);
  await using destination = new WithoutSigning();
  await destination.addPaths(toAdd(a));
  const plan = await planCopy(source, destination, [b.info.path], { signKeys: [mine] });
  assert.deepEqual([plan.unsignable, plan.newSignatures.size], [[a.info.path], 0]);
  const without = await planCopy(source, destination, [b.info.path]);
  assert.deepEqual(without.unsignable, []);
});

test('a destination that would lose the signatures is told that it must not', async () => {
  const told: (boolean | undefined)[] = [];
  class Watching extends MemoryStore {
    override addPaths(...[paths, options]: Parameters<MemoryStore['addPaths']>): Promise<void> {
      told.push(options?.keepSignatures);
      return super.addPaths(paths, options);
    }
  }
  await using source = await storeWith(a, b);
  await using destination = new Watching();
  await copyClosure(source, destination, [a.info.path]);
  await copyClosure(source, destination, [b.info.path], { signKeys: [mine] });
  assert.deepEqual(told, [false, true]);
});

test('what nobody vouches for is not signed as ours, unless the check is waived', async () => {
  await using source = new MemoryStore();
  await using destination = new MemoryStore();
  const { a, b } = sampleClosure();
  await source.addPaths(toAdd(a, b), { checkSigs: false });
  const mine = generateSecretKey('mine-1');
  const refusesToSign = (info: PathInfo): Refusal | undefined =>
    info.path === b.info.path ? { path: info.path, reason: 'nobody knows it' } : undefined;
  const options = { signKeys: [mine], refusesToSign };
  const plan = await planCopy(source, destination, [b.info.path], options);
  assert.deepEqual(plan.refusals, [{ path: b.info.path, reason: 'nobody knows it' }]);
  await assert.rejects(copyClosure(source, destination, [b.info.path], options), {
    code: 'untrusted',
  });
  await copyClosure(source, destination, [b.info.path], { ...options, checkSigs: false });
  const infos = await destination.queryPathInfos([b.info.path]);
  assert.ok(infos.get(b.info.path)?.signatures.some((text) => text.startsWith('mine-1:')));
  const again = await planCopy(source, destination, [b.info.path], {
    ...options,
    signKeys: [generateSecretKey('mine-2')],
  });
  assert.equal(again.newSignatures.has(b.info.path), false, 'what is there gets none either');
});
