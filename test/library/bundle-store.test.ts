import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { readAll, sampleClosure, samplePath, type Sample } from '../conformance/nars.ts';
import { bundleOf, chunked, flipped } from '../support/bundles.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { copyClosure } from '../../src/copy/copy.ts';
import { importBundle, planBundleImport } from '../../src/copy/bundle-import.ts';
import { FerryError, isFerryError } from '../../src/error.ts';
import { bundleCompressions } from '../../src/format/bundle/manifest.ts';
import { frameBytes, footerBytes, pieceBytes } from '../../src/format/bundle/layout.ts';
import { hashBytes } from '../../src/format/hash.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import { MemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';
import { openBundleStore, type BundleStore } from '../../src/store/bundle/bundle-store.ts';
import { openBundleStream } from '../../src/store/bundle/stream-store.ts';

const temp = makeTempDirectory({ ram: true });
const stores = openLocalStores();
let count = 0;

after(async () => {
  await stores[Symbol.asyncDispose]();
  temp[Symbol.dispose]();
});

function fileOf(bytes: Uint8Array): string {
  const file = temp.join(`${count++}.bundle`);
  writeFileSync(file, bytes);
  return file;
}

/** A destination below a directory of its own. */
function openDestination(): Promise<Store> {
  return stores.open(temp.join(`root-${count++}`));
}

async function validIn(store: Store): Promise<StorePath[]> {
  return (await store.queryAllValidPaths?.())?.sort() ?? [];
}

/** Text that no compression makes shorter than a piece. */
function noise(size: number): string {
  const parts = Array.from({ length: size / 128 }, (_, index) => hashBytes('sha512', `${index}`));
  return parts.map(({ digest }) => Buffer.from(digest).toString('hex')).join('');
}

const { a, b, c, d } = sampleClosure();
const all = [a, b, c, d];
/** Of several pieces, also compressed. */
const long = samplePath('long', [a.info.path], noise(2.5 * pieceBytes));
/** xz takes its time. */
const shorter = samplePath('long', [a.info.path], noise(pieceBytes / 8));

for (const compression of bundleCompressions) {
  const samples = [...all, compression === 'xz' ? shorter : long];
  const made = bundleOf(samples, { compression });

  test(`${compression}: paths of a bundle in a file are read in any order, alone and together`, async () => {
    const { bytes } = await made;
    await using store = await openBundleStore([fileOf(bytes)]);
    const some = [4, 3, 0].flatMap((index) => samples[index] ?? []);
    const got: [StorePath, boolean][] = [];
    for await (const nar of store.readNars(some.map(({ info }) => info.path))) {
      const sample = some.find(({ info }) => info.path === nar.path);
      got.push([nar.path, Buffer.compare(await readAll(nar), sample?.nar ?? Buffer.of()) === 0]);
    }
    assert.deepEqual(
      got,
      some.map(({ info }) => [info.path, true]),
    );
  });

  test(`${compression}: a copy out of a bundle in a file is unpacked by threads`, async () => {
    const { bytes } = await made;
    await using store = await openBundleStore([fileOf(bytes)]);
    await using destination = await openDestination();
    const summary = await copyClosure(store, destination, [d.info.path, long.info.path]);
    assert.equal(summary.copied, 5);
    await requireSame(destination, samples);
  });

  test(`${compression}: a bundle comes out of a pipe in one pass`, async () => {
    const { bytes } = await made;
    await using destination = await openDestination();
    await using store = await openBundleStream(chunked(bytes, 65_536), 'stdin');
    const plan = await planBundleImport(store, destination);
    assert.equal((await importBundle(plan, store, destination)).copied, 5);
    await requireSame(destination, samples);
  });
}

async function requireSame(store: Store, samples: readonly Sample[]): Promise<void> {
  const paths = samples.map(({ info }) => info.path);
  assert.deepEqual(await validIn(store), [...paths].sort());
  const seen = new Map<StorePath, Uint8Array>();
  for await (const nar of store.readNars(paths)) seen.set(nar.path, await narOf(nar));
  for (const { info, nar } of samples) {
    assert.equal(Buffer.compare(seen.get(info.path) ?? Buffer.of(), nar), 0, info.path);
  }
}

async function narOf(
  nar: AsyncIterable<Uint8Array> & { tree?: string | undefined },
): Promise<Uint8Array> {
  return nar.tree === undefined ? await readAll(nar) : await readAll(stores.workers.pack(nar.tree));
}

test('what is valid already is passed over, also in a pipe', async () => {
  const { bytes } = await bundleOf([...all, long], { compression: 'zstd' });
  await using destination = new MemoryStore();
  await using file = await openBundleStore([fileOf(bytes)]);
  await copyClosure(file, destination, [b.info.path]);
  await using stream = await openBundleStream(chunked(bytes, 1000), 'stdin');
  const plan = await planBundleImport(stream, destination);
  assert.deepEqual(new Set(plan.alreadyValid), new Set([a.info.path, b.info.path]));
  assert.equal((await importBundle(plan, stream, destination)).copied, 3);
  await using again = await openBundleStream(chunked(bytes, 1000), 'stdin');
  const none = await planBundleImport(again, destination);
  assert.equal((await importBundle(none, again, destination)).copied, 0);
});

test('of a pipe paths are had in their order alone, and once', async () => {
  const { bytes, plan } = await bundleOf(all);
  const paths = plan.manifest.infos.map(({ path }) => path);
  const read = async (wanted: readonly StorePath[]): Promise<void> => {
    await using store = await openBundleStream(chunked(bytes), 'stdin');
    for await (const nar of store.readNars(wanted)) await readAll(nar);
    await store.finish();
  };
  await read(paths);
  await read(paths.filter((_, index) => index % 2 === 1));
  await read([]);
  await assert.rejects(read(paths.toReversed()), { code: 'usage' });
});

for (const isStream of [false, true]) {
  const way = isStream ? 'a pipe' : 'a file';
  test(`of a bundle from ${way} with any bit changed nothing that differs becomes valid`, async () => {
    const { bytes } = await bundleOf([a, b], { compression: 'none' });
    for (let at = 0; at < bytes.length; at += 7) {
      const wrong = flipped(bytes, at * 8 + (at % 8));
      await using destination = new MemoryStore();
      await assert.rejects(
        importOf(wrong, destination, isStream),
        (error) => error instanceof FerryError && /corrupt|unsupported/.test(error.code),
        `a bit of byte ${at}`,
      );
      // Of the second path only its own bytes, or what follows them, can have been wrong.
      const valid = await destination.queryValidPaths([a.info.path, b.info.path]);
      assert.ok(!valid.has(b.info.path) || isStream);
      for await (const nar of destination.readNars(valid)) {
        const { nar: wanted } = nar.path === a.info.path ? a : b;
        assert.equal(Buffer.compare(await readAll(nar), wanted), 0);
      }
    }
    await using destination = new MemoryStore();
    await importOf(bytes, destination, isStream);
  });

  test(`of a bundle from ${way} that is cut anywhere nothing half becomes valid`, async () => {
    const { bytes } = await bundleOf([a, b], { compression: 'zstd' });
    for (let size = 0; size < bytes.length; size += 11) {
      await using destination = new MemoryStore();
      await assert.rejects(importOf(bytes.slice(0, size), destination, isStream), {
        code: 'corrupt',
      });
      const valid = await destination.queryValidPaths([a.info.path, b.info.path]);
      if (!isStream)
        assert.equal(valid.size, 0, 'a file is known to be cut before anything is added');
    }
  });
}

async function importOf(bytes: Uint8Array, destination: Store, isStream: boolean): Promise<void> {
  await using source = isStream
    ? await openBundleStream(chunked(bytes, 500), 'stdin')
    : await openBundleStore([fileOf(bytes)]);
  const plan = await planBundleImport(source, destination);
  await importBundle(plan, source, destination);
}

test('threads find what differs in the middle of a file, too', async () => {
  const { bytes, plan } = await bundleOf([a, long], { compression: 'none' });
  const headerBytes =
    bytes.length - footerBytes - 2 * 40 - frameBytes(a.nar.length) - frameBytes(long.nar.length);
  assert.equal(plan.manifest.infos[1]?.path, long.info.path);
  const start = headerBytes + frameBytes(a.nar.length);
  const places = {
    'a length': start + 8 + pieceBytes,
    contents: start + 2_000_000,
    'the seal': start + frameBytes(long.nar.length) - 1,
  };
  for (const [what, at] of Object.entries(places)) {
    await using destination = await openDestination();
    await using store = await openBundleStore([fileOf(flipped(bytes, at * 8))]);
    await assert.rejects(
      copyClosure(store, destination, [long.info.path]),
      { code: 'corrupt', message: /cannot read the NAR of ".*-long" in "bundle:\/\/\// },
      what,
    );
    assert.ok(!(await validIn(destination)).includes(long.info.path));
  }
});

test('what a bundle presupposes is looked for before anything is added', async () => {
  const { bytes, plan } = await bundleOf(all, { without: [b.info.path] });
  assert.deepEqual(plan.manifest.presupposed, [a.info.path, b.info.path].sort());
  await using source = await openBundleStore([fileOf(bytes)]);
  await using destination = new MemoryStore();
  await assert.rejects(planBundleImport(source, destination), (error) => {
    assert.ok(isFerryError(error, 'not-found'));
    assert.match(
      error.message,
      /-a", ".*-b", which "memory:" lacks|-b", ".*-a", which "memory:" lacks/,
    );
    return true;
  });
  await using whole = await openBundleStore([fileOf((await bundleOf([a, b])).bytes)]);
  await copyClosure(whole, destination, [b.info.path]);
  const again = await planBundleImport(source, destination);
  assert.equal((await importBundle(again, source, destination)).copied, 2);
  await assert.rejects(source.queryClosure([b.info.path]), {
    code: 'not-found',
    message: /left out of/,
  });
});

test('a bundle says what is in it', async () => {
  const { bytes } = await bundleOf(all);
  const file = fileOf(bytes);
  await using store: BundleStore = await openBundleStore([file]);
  assert.equal(store.uri, `bundle://${file}`);
  assert.deepEqual([...store.features], []);
  assert.deepEqual(
    (await store.queryAllValidPaths()).sort(),
    all.map(({ info }) => info.path).sort(),
  );
  const hashPart = a.info.path.slice(0, 32);
  assert.equal(await store.queryPathFromHashPart(hashPart), a.info.path);
  assert.equal(await store.queryPathFromHashPart('0'.repeat(32)), undefined);
  await assert.rejects(store.queryPathFromHashPart('x'), { code: 'usage' });
  await assert.rejects(store.queryValidPaths([], { substitute: true }), { code: 'unsupported' });
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await assert.rejects(store.queryAllValidPaths(), /is closed/);
});

test('what is no bundle is refused by its name', async () => {
  const none = fileOf(Buffer.from('x'.repeat(1000)));
  await assert.rejects(openBundleStore([none]), {
    code: 'corrupt',
    path: none,
    message: /does not begin as a bundle/,
  });
  await assert.rejects(openBundleStore([temp.join('nothing')]), { code: 'not-found' });
  await assert.rejects(openBundleStore([temp.path]), { message: /regular file|directory/ });
  await assert.rejects(openBundleStore([]), { code: 'usage' });
});

test('an abort ends an import from a pipe that hangs', async () => {
  const { bytes } = await bundleOf([a, long]);
  const stop = new AbortController();
  const hanging = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes.slice(0, bytes.length - 1_500_000);
    setTimeout(() => stop.abort(new Error('enough')), 20);
    await new Promise(() => {});
  };
  const { signal } = stop;
  await using destination = await openDestination();
  const source = await openBundleStream(hanging(), 'stdin');
  const plan = await planBundleImport(source, destination, { signal });
  await assert.rejects(importBundle(plan, source, destination, { signal }), /enough/);
  await source[Symbol.asyncDispose]();
});
