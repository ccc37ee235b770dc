import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sampleClosure, samplePath, toAdd } from '../conformance/nars.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { bundleOf } from '../support/bundles.ts';
import type { BundleCompression } from '../../src/format/bundle/manifest.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { headerOf, writeBundle } from '../../src/copy/bundle-export.ts';
import { planBundle, type BundlePlan, type BundlePlanOptions } from '../../src/copy/bundle-plan.ts';
import type { CopyEvent } from '../../src/copy/events.ts';

const temp = makeTempDirectory({ ram: true });
const stores = openLocalStores();
after(async () => {
  await stores[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

const { a, b, c, d } = sampleClosure();
const [pathA, pathB, pathC, pathD] = [a, b, c, d].map(({ info }) => info.path) as [
  StorePath,
  StorePath,
  StorePath,
  StorePath,
];

async function planOf(
  roots: readonly StorePath[],
  options: Partial<BundlePlanOptions> = {},
): Promise<BundlePlan> {
  await using source = new MemoryStore();
  await source.addPaths(toAdd(a, b, c, d));
  return await planBundle(source, roots, { compression: 'zstd', ...options });
}

function pathsOf({ manifest }: BundlePlan): StorePath[] {
  return manifest.infos.map(({ path }) => path);
}

test('a bundle has the closure of what is wanted, each path after all that it refers to', async () => {
  const plan = await planOf([pathC]);
  assert.deepEqual(pathsOf(plan), [pathA, pathB, pathC]);
  assert.deepEqual(plan.manifest.roots, [pathC]);
  assert.deepEqual(plan.manifest.presupposed, []);
  assert.deepEqual(plan.leftOut, { paths: 0, narSize: 0 });
  assert.equal(plan.manifest.level, 3);
});

test('what is left out is left out with all it refers to, and presupposed where it is mentioned', async () => {
  for (const options of [{ since: [pathB] }, { without: new Set([pathB]) }]) {
    const plan = await planOf([pathD], options);
    assert.deepEqual(pathsOf(plan), [pathC, pathD]);
    assert.deepEqual(plan.manifest.presupposed, [pathA, pathB].sort());
    assert.deepEqual(plan.leftOut, { paths: 2, narSize: a.info.narSize + b.info.narSize });
  }
});

test('of what is left out only that is presupposed which is referred to', async () => {
  const plan = await planOf([pathC], { since: [pathB] });
  assert.deepEqual(pathsOf(plan), [pathC]);
  assert.deepEqual(plan.manifest.presupposed, [pathB]);
});

test('where all is left out, what was wanted is presupposed', async () => {
  const plan = await planOf([pathC], { without: new Set([pathD, pathC]) });
  assert.deepEqual(pathsOf(plan), []);
  assert.deepEqual(plan.manifest.presupposed, [pathC]);
});

test('what the other machine has besides makes no difference', async () => {
  const other = samplePath('elsewhere').info.path;
  assert.deepEqual(pathsOf(await planOf([pathC], { without: new Set([other]) })).length, 3);
});

test('paths alone presuppose what they refer to', async () => {
  const plan = await planOf([pathC], { noRecursive: true });
  assert.deepEqual(pathsOf(plan), [pathC]);
  assert.deepEqual(plan.manifest.presupposed, [pathB]);
});

test('what is not valid is refused, wanted or left out', async () => {
  const none = samplePath('none').info.path;
  await assert.rejects(planOf([none]), { code: 'not-found' });
  await assert.rejects(planOf([pathA], { since: [none] }), { code: 'not-found' });
  await assert.rejects(planOf([pathA], { level: 50 }), { code: 'usage' });
});

const many = Array.from({ length: 30 }, (_, index) =>
  samplePath(`many-${index}`, index > 0 ? [pathA] : [], textOf(index)),
);

/** From a few bytes to some megabytes. */
function textOf(index: number): string {
  const size = index === 7 ? 3 << 20 : index % 10 === 0 ? 500_000 : index * 100;
  return Buffer.from(hashBytes('sha512', `${index}`).digest)
    .toString('hex')
    .repeat(size / 128);
}

async function exportFrom(source: Store, compression: BundleCompression): Promise<Buffer> {
  const roots = many.map(({ info }) => info.path);
  const plan = await planBundle(source, roots, { compression });
  const chunks: Uint8Array[] = [];
  const output = { write: async (bytes: Uint8Array) => void chunks.push(new Uint8Array(bytes)) };
  const { workers } = stores;
  await writeBundle(source, plan, headerOf(plan), output, { workers });
  return Buffer.concat(chunks);
}

test('the same closure gives the same bytes, from trees and from streams, however it is asked for', async () => {
  await using local = await stores.open(temp.join('same'));
  await local.addPaths?.(toAdd(a, ...many));
  await using memory = new MemoryStore({ chunkSize: 100_000 });
  await memory.addPaths(toAdd(a, ...many));
  for (const compression of ['zstd', 'gzip', 'none'] as const) {
    const first = await exportFrom(local, compression);
    assert.ok(first.equals(await exportFrom(local, compression)), `${compression}, again`);
    assert.ok(first.equals(await exportFrom(memory, compression)), `${compression}, as streams`);
  }
});

test('contents that have changed in the store are not exported', async () => {
  await using local = await stores.open(temp.join('changed'));
  await local.addPaths?.(toAdd(a, b));
  const file = join(local.toRealPath(pathA), 'text');
  chmodSync(file, 0o644);
  writeFileSync(file, 'b');
  const plan = await planBundle(local, [pathB], { compression: 'zstd' });
  const { workers } = stores;
  const output = { write: async () => {} };
  await assert.rejects(writeBundle(local, plan, headerOf(plan), output, { workers }), {
    code: 'corrupt',
    message: /cannot export path ".*-a": its contents have hash/,
  });
});

test('an output that fails ends the packing, and an abort does', async () => {
  await using local = await stores.open(temp.join('failing'));
  await local.addPaths?.(toAdd(a, ...many));
  const plan = await planBundle(
    local,
    many.map(({ info }) => info.path),
    { compression: 'none' },
  );
  const { workers } = stores;
  let written = 0;
  const output = {
    async write(bytes: Uint8Array): Promise<void> {
      written += bytes.length;
      if (written > 3_000_000) throw new Error('full');
    },
  };
  await assert.rejects(writeBundle(local, plan, headerOf(plan), output, { workers }), /full/);
  const stop = new AbortController();
  const aborting = { write: async () => stop.abort(new Error('enough')) };
  const { signal } = stop;
  await assert.rejects(
    writeBundle(local, plan, headerOf(plan), aborting, { workers, signal }),
    /enough/,
  );
  assert.ok(await exportFrom(local, 'none'), 'the threads are free again');
});

test('an export tells what it does', async () => {
  await using memory = new MemoryStore();
  await memory.addPaths(toAdd(a, b));
  const plan = await planBundle(memory, [pathB], { compression: 'zstd' });
  const events: CopyEvent[] = [];
  const { workers } = stores;
  const output = { write: async () => {} };
  const onEvent = (event: CopyEvent): void => void events.push(event);
  await writeBundle(memory, plan, headerOf(plan), output, { workers, onEvent });
  const narSize = a.info.narSize + b.info.narSize;
  assert.deepEqual(events[0], { type: 'start', paths: 2, narSize });
  assert.deepEqual(
    events.filter(({ type }) => type === 'path-done').map((event) => 'path' in event && event.path),
    [pathA, pathB],
  );
  const told = events.reduce(
    (sum, event) => sum + (event.type === 'path-bytes' ? event.bytes : 0),
    0,
  );
  assert.equal(told, narSize);
  const summary = { copied: 2, alreadyValid: 0, failed: 0, narSize, signaturesAdded: 0 };
  assert.deepEqual(events.at(-1), { type: 'done', summary });
  assert.ok((await bundleOf([a, b])).bytes.length > narSize);
});
