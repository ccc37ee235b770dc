/**
 * Imports that are cut, altered, interrupted, killed, out of space, and overtaken by a garbage collection: what was whole
 * stays, of the rest nothing does, and the same import again finishes. FERRY_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { isFerryError } from '../../src/error.ts';
import { hashBytes } from '../../src/format/hash.ts';
import type { StorePath } from '../../src/format/store-path.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';
import { sampleClosure, samplePath, type Sample } from '../conformance/nars.ts';
import { edgesOf, recordOf, streamOf, validBefore } from '../support/export-streams.ts';
import { ferryBin, ferryEnv } from '../support/ferry-program.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeNixHome, openNixHome, type NixHome } from '../support/nix-home.ts';
import { nixVersions, peerTest } from '../support/peers.ts';
import { runForBytes } from '../support/run.ts';
import { waitUntil } from '../support/processes.ts';
import { makeTempDirectory } from '../support/temp.ts';
import { mountTmpfs } from '../support/tmpfs.ts';
import { u64 } from '../vectors/nar/build.ts';
import { seedOf } from '../support/seed.ts';
import { entriesOf, validPaths } from '../support/store-contents.ts';

/** Exit statuses, as docs/exit-status.md has them. */
const INTERRUPTED = 130;
const NO_SPACE = 5;

test('a stream that breaks off anywhere leaves the paths before, and nothing else', async () => {
  await using stores = openLocalStores();
  await using temp = makeTempDirectory({ ram: true });
  const { a, b, c } = sampleClosure();
  const whole = streamOf(a, b, c);
  const edges = edgesOf([a, b, c]);
  assert.equal(edges.at(-1)?.at, whole.length);
  for (const { at } of edges) {
    for (const cut of [at - 1, at, at + 1]) {
      if (cut < 0 || cut >= whole.length) continue;
      await using store = await stores.open(temp.join(`cut-${cut}`));
      await assert.rejects(importInto(store, whole.subarray(0, cut)), { code: 'corrupt' });
      await requireSound(store, validBefore(edges, cut));
    }
  }
});

test('a stream that is altered anywhere is refused or taken, and the store is whole', async () => {
  await using stores = openLocalStores();
  await using temp = makeTempDirectory({ ram: true });
  const { a, b, c } = sampleClosure();
  const whole = streamOf(a, b, c);
  let count = 0;
  const change = fc.asyncProperty(
    fc.nat(whole.length - 1),
    fc.integer({ min: 1, max: 255 }),
    async (at, bits) => {
      const changed = whole.slice();
      changed[at] = (changed[at] ?? 0) ^ bits;
      await using store = await stores.open(temp.join(`altered-${count++}`));
      try {
        await importInto(store, changed);
      } catch (error) {
        assert.ok(isFerryError(error), String(error));
      }
      await requireSound(store, await store.queryAllValidPaths());
    },
  );
  const seed = process.env['FERRY_SEED'];
  await fc.assert(change, {
    numRuns: 100,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  });
});

peerTest('^C leaves the paths that were whole', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  const samples = manySamples(3);
  const [first] = samples as [Sample];
  using running = startImport(home);
  const { child } = running;
  child.stdin?.write(recordOf(first));
  child.stdin?.write(recordOf(samples[1] as Sample).subarray(0, 1_000_000));
  await waitUntilPrinted(child, first.info.path);
  child.kill('SIGINT');
  const [status] = (await once(child, 'exit')) as [number];
  assert.equal(status, INTERRUPTED);
  assert.deepEqual(entriesOf(home), [first.info.path]);
  assert.deepEqual(await validPaths(home), [first.info.path]);
  await finish(home, samples);
});

peerTest(
  'kill -9 at any moment leaves a store that is whole',
  { nix: ['2.34'] },
  async (nix, context) => {
    const seed = seedOf(context);
    const samples = manySamples(12);
    const stream = streamOf(...samples);
    await using temp = makeTempDirectory({ ram: true });
    const ROUNDS = 10;
    for (let round = 0; round < ROUNDS; round++) {
      const home = openNixHome(nix('2.34'), temp.join(`${round}`));
      using running = startImport(home);
      const { child } = running;
      // So much is read, surely; what of it is done is left to chance.
      const at = Math.floor(stream.length * ((round + ((seed >>> round) & 7) / 8) / ROUNDS));
      child.stdin?.on('error', () => {});
      child.stdin?.write(stream.subarray(0, at));
      const lines: string[] = [];
      child.stdout?.on('data', (data: Buffer) => lines.push(String(data)));
      await sleep(150 + ((seed >>> round) % 300));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const valid = await validPaths(home);
      const printed = lines.join('').split('\n').length - 1;
      assert.ok(valid.length >= printed, 'what was printed is valid');
      assert.deepEqual(valid, pathsOf(samples.slice(0, valid.length)));
      // Whatever lies there, the next one finishes, and nothing of it is left.
      await finish(home, samples);
    }
  },
);

peerTest(
  'a full disk ends it, with the paths that had room',
  { nix: ['2.34'] },
  async (nix, context) => {
    using disk = mountTmpfs(24);
    if (disk === undefined) {
      context.skip('a file system can be mounted by root only');
      return;
    }
    mkdirSync(join(disk.path, 'home'));
    const home = openNixHome(nix('2.34'), join(disk.path, 'home'));
    const samples = manySamples(12);
    const { status, stderr, stdout } = await runForBytes(ferryBin, ['import'], {
      cwd: home.path,
      env: ferryEnv(home),
      input: streamOf(...samples),
    });
    assert.equal(status, NO_SPACE, stderr);
    assert.match(
      stderr,
      /^error: cannot import path \d+ of the stream: .*(no space|disk is full)/im,
    );
    assert.doesNotMatch(stderr, /mistake|^ +at |importing\.ferry/m);
    const valid = await validPaths(home);
    assert.ok(valid.length > 0 && valid.length < samples.length);
    assert.deepEqual(entriesOf(home), valid);
    assert.equal(new TextDecoder().decode(stdout).split('\n').length - 1, valid.length);
    disk.resize(80);
    await finish(home, samples);
  },
);

for (const version of [...nixVersions, 'ferry'] as const) {
  const release = version === 'ferry' ? '2.34' : version;
  const who = version === 'ferry' ? 'ferry' : `Nix ${version}`;
  peerTest(
    `${who} collects garbage in the middle of an import`,
    { nix: [release] },
    async (nix) => {
      await using home = makeNixHome(nix(release), { ram: true });
      const [a, b] = manySamples(2) as [Sample, Sample];
      using running = startImport(home);
      const { child } = running;
      const record = recordOf(b);
      child.stdin?.write(recordOf(a));
      child.stdin?.write(record.subarray(0, 1_500_000));
      await waitUntilPrinted(child, a.info.path);
      await waitUntil('the tree of the second', () =>
        entriesOf(home).some((name) => name.endsWith('-1-importing.ferry')),
      );
      const before = entriesOf(home);
      const collected =
        version === 'ferry'
          ? await runForBytes(ferryBin, ['nix-store', '--gc'], { env: ferryEnv(home) })
          : await home.runForBytes('nix-store', ['--gc']);
      assert.equal(collected.status, 0, collected.stderr);
      assert.deepEqual(entriesOf(home), before);
      child.stdin?.end(Buffer.concat([record.subarray(1_500_000), u64(0)]));
      const [status] = (await once(child, 'exit')) as [number];
      assert.equal(status, 0);
      assert.deepEqual(await validPaths(home), pathsOf([a, b]));
      assert.deepEqual(entriesOf(home), [...pathsOf([a, b])].sort());
      await home.verify();
      // Nobody needs it any more.
      await home.runOk('nix-store', ['--gc']);
      assert.deepEqual(entriesOf(home), []);
    },
  );
}

async function importInto(store: LocalStore, bytes: Uint8Array): Promise<void> {
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 7000) yield bytes.slice(at, at + 7000);
  };
  await store.importPaths?.(new ByteReader(chunks()));
}

async function requireSound(store: LocalStore, paths: readonly StorePath[]): Promise<void> {
  const valid = await store.queryAllValidPaths();
  assert.deepEqual([...valid].sort(), [...paths].sort());
  const names = readdirSync(store.toRealPath('' as StorePath));
  assert.deepEqual(names.filter((name) => name !== '.links').sort(), [...paths].sort());
  await store.verifyPaths(valid, {
    checkContents: true,
    onResult: ({ state, path }) => assert.equal(state, 'whole', path),
  });
}

/** A chain of paths of 2 MB each. */
function manySamples(count: number): readonly Sample[] {
  const made: Sample[] = [];
  for (let i = 0; i < count; i++) {
    const seed = Buffer.from(hashBytes('sha512', `${i}`).digest).toString('hex');
    const references = made.slice(-1).map(({ info }) => info.path);
    made.push(samplePath(`import-${i}`, references, seed.repeat((2 << 20) / seed.length)));
  }
  return made;
}

/** In the order of validPaths: that of their names. */
function pathsOf(samples: readonly Sample[]): StorePath[] {
  return samples.map(({ info }) => info.path).sort();
}

/** Ends it with its scope, whatever became of it. */
function startImport(home: NixHome): Disposable & { readonly child: ChildProcess } {
  const child = spawn(ferryBin, ['import', '--quiet'], {
    cwd: home.path,
    env: ferryEnv(home),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin?.on('error', () => {});
  return { child, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

async function waitUntilPrinted(child: ChildProcess, path: StorePath): Promise<void> {
  let text = '';
  child.stdout?.on('data', (data: Buffer) => {
    text += String(data);
  });
  await waitUntil(`${path} is printed`, () => text.includes(path));
}

async function finish(home: NixHome, samples: readonly Sample[]): Promise<void> {
  const { status, stderr } = await runForBytes(ferryBin, ['import'], {
    cwd: home.path,
    env: ferryEnv(home),
    input: streamOf(...samples),
  });
  assert.equal(status, 0, stderr);
  assert.deepEqual(await validPaths(home), pathsOf(samples));
  assert.deepEqual(entriesOf(home), pathsOf(samples));
  await home.verify();
}
