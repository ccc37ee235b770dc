/**
 * Bundles and what can happen to them: damage, ends at any moment, full disks. Whatever it is, no store has a path that
 * isn't what was exported, and the same command again finishes. FERRY_SEED repeats the moments of a run.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { hashBytes } from '../../src/format/hash.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { flipped } from '../support/bundles.ts';
import { ferryBin, ferryEnv, runFerry, runFerryOk } from '../support/ferry-program.ts';
import { openLocalStores } from '../support/local-stores.ts';
import { makeNixHome, openNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest, type FoundNix } from '../support/peers.ts';
import { makeTempDirectory, removeTree } from '../support/temp.ts';
import { mountTmpfs } from '../support/tmpfs.ts';
import { randomOf } from '../support/seed.ts';

const needs = { nix: ['2.34'] } as const;
/** The exit status, as docs/exit-status.md has it. */
const NO_SPACE = 5;

/** Some 6 MB that don't compress well in 40 paths, in a chain. */
const samples = manySamples();
const paths = samples.map(({ info }) => `${defaultStoreDir}/${info.path}`);
const last = paths.at(-1) ?? '';

function manySamples(): Sample[] {
  const made: Sample[] = [];
  for (let i = 0; i < 40; i++) {
    const before = made.at(-1)?.info.path;
    const size = i % 8 === 0 ? 640 * 1024 : 16 * 1024;
    made.push(samplePath(`bundled-${i}`, before === undefined ? [] : [before], noise(i, size)));
  }
  return made;
}

function noise(seed: number, size: number): string {
  const digests = Array.from({ length: size / 64 }, (_, at) =>
    hashBytes('sha256', `${seed} ${at}`),
  );
  return digests.map(({ digest }) => Buffer.from(digest).toString('hex')).join('');
}

interface World {
  readonly source: NixHome;
  readonly destination: NixHome;
  /** A directory for bundles. */
  readonly dir: string;
}

function bundleTest(
  name: string,
  work: (world: World, context: TestContext) => Promise<void>,
): void {
  peerTest(name, needs, async (nix: FoundNix, context) => {
    await using source = makeNixHome(nix('2.34'), { ram: true });
    await using temp = makeTempDirectory({ ram: true });
    await using stores = openLocalStores();
    {
      await using store = await stores.open(source.root);
      await store.addPaths?.(toAdd(...samples));
    }
    const destination = openNixHome(nix('2.34'), temp.join('destination'));
    mkdirSync(temp.join('bundles'));
    await work({ source, destination, dir: temp.join('bundles') }, context);
  });
}

async function validPaths(home: NixHome): Promise<string[]> {
  if (!existsSync(join(home.root, 'nix/var/nix/db/db.sqlite'))) return [];
  const printed = await home.runOk('nix', ['path-info', '--all']);
  return printed.split('\n').filter((line) => line !== '');
}

/** Nix finds whole what is valid; it is the first of the chain. */
async function requireBeginning(home: NixHome): Promise<number> {
  const valid = await validPaths(home);
  assert.deepEqual(new Set(valid), new Set(paths.slice(0, valid.length)));
  if (valid.length > 0) await home.verify();
  return valid.length;
}

async function requireAll(home: NixHome): Promise<void> {
  assert.equal(await requireBeginning(home), paths.length);
}

bundleTest('a bundle that was damaged or cut is refused', async ({ source, destination, dir }) => {
  const file = join(dir, 'x.bundle');
  await runFerryOk(source, ['export', '--bundle', '-o', file, paths[1] ?? '']);
  const bytes = readFileSync(file);
  const wrong = join(dir, 'wrong.bundle');
  const places = [
    3,
    17,
    40,
    700,
    2000,
    Math.floor(bytes.length / 2),
    bytes.length - 60,
    bytes.length - 1,
  ];
  for (const at of places) {
    writeFileSync(wrong, flipped(bytes, at * 8 + 2));
    const { status, stderr } = await runFerry(destination, ['import', '--no-check-sigs', wrong]);
    assert.equal(status, 1, `${at}: ${stderr}`);
    assert.match(stderr, /^error: cannot |^error: /m);
    assert.doesNotMatch(stderr, /mistake|^ +at /m);
    const verified = await runFerry(destination, ['bundle', 'verify', '--no-trust', wrong]);
    assert.equal(verified.status, 1, `${at}: ${verified.stderr}`);
    await requireBeginning(destination);
    // Its settings stay, which say that it is this store that is written to.
    removeTree(destination.root);
  }
  for (const size of [0, 10, 20, 500, Math.floor(bytes.length / 2), bytes.length - 1]) {
    writeFileSync(wrong, bytes.subarray(0, size));
    const { status, stderr } = await runFerry(destination, ['import', '--no-check-sigs', wrong]);
    assert.equal(status, 1, `${size}: ${stderr}`);
    assert.deepEqual(await validPaths(destination), []);
  }
});

bundleTest('a missing or a swapped part is named, and nothing is added', async (world) => {
  const { source, destination, dir } = world;
  const file = join(dir, 'x.bundle');
  const words = ['export', '--bundle', '--split', '256K', '-o', file];
  await runFerryOk(source, [...words, last]);
  const parts = readdirSync(dir)
    .sort()
    .map((name) => join(dir, name));
  assert.ok(parts.length > 4);
  const importing = (given: readonly string[]): ReturnType<typeof runFerry> =>
    runFerry(destination, ['import', '--no-check-sigs', ...given]);
  const lacking = await importing(parts.filter((_, index) => index !== 2));
  assert.match(lacking.stderr, /part 3 of the bundle is missing, ".*x\.bundle\.003"/);
  const other = join(dir, 'y.bundle');
  await runFerryOk(source, ['export', '--bundle', '--split', '256K', '-o', other, paths[30] ?? '']);
  const swapped = parts.map((name, index) => (index === 1 ? `${other}.002` : name));
  const foreign = await importing(swapped);
  assert.match(foreign.stderr, /y\.bundle\.002" is a part of another bundle/);
  for (const { status } of [lacking, foreign]) assert.notEqual(status, 0);
  assert.deepEqual(await validPaths(destination), []);
  const whole = await importing(parts.toReversed());
  assert.equal(whole.status, 0, whole.stderr);
  await requireAll(destination);
});

/** Where in the time of an undisturbed run each kill comes. */
const MOMENTS = 8;

bundleTest(
  'kill -9 while a bundle is exported: run again it goes on, and gives the same bytes',
  async (world, context) => {
    const { source, dir } = world;
    const { number: random } = randomOf(context);
    const words = (file: string): string[] => [
      'export',
      '--bundle',
      '--compression',
      'gzip',
      '-o',
      file,
      last,
    ];
    const whole = join(dir, 'whole.bundle');
    const begun = (file: string) => (): boolean => existsSync(`${file}.part`) || existsSync(file);
    const durationMs = await durationOf(start(source, words(whole)), begun(whole));
    let gone = 0;
    for (let round = 0; round < MOMENTS; round++) {
      const file = join(dir, `${round}.bundle`);
      for (let tries = 0; tries < 2; tries++) {
        const child = start(source, words(file));
        await killAfter(child, begun(file), durationMs * ((round + random()) / MOMENTS));
        if (existsSync(file)) break;
      }
      if (existsSync(`${file}.part`)) gone++;
      const again = await runFerry(source, words(file));
      assert.equal(again.status, 0, again.stderr);
      assert.ok(readFileSync(file).equals(readFileSync(whole)), `round ${round}`);
      assert.equal(existsSync(`${file}.part`), false);
    }
    context.diagnostic(`${gone} of ${MOMENTS} left something to go on with`);
  },
);

bundleTest(
  'kill -9 while a bundle is imported: what is valid is whole, and run again it finishes',
  async (world, context) => {
    const { source, destination, dir } = world;
    const { number: random } = randomOf(context);
    const file = join(dir, 'x.bundle');
    await runFerryOk(source, ['export', '--bundle', '-o', file, last]);
    const words = ['import', '--no-check-sigs', file];
    const begun = (): boolean => existsSync(destination.root);
    const durationMs = await durationOf(start(destination, words), begun);
    await requireAll(destination);
    let gone = 0;
    for (let round = 0; round < MOMENTS; round++) {
      removeTree(destination.root);
      const child = start(destination, words);
      await killAfter(child, begun, durationMs * ((round + random()) / MOMENTS));
      const valid = await requireBeginning(destination);
      if (valid < paths.length) gone++;
      const again = await runFerry(destination, words);
      assert.equal(again.status, 0, again.stderr);
      await requireAll(destination);
    }
    context.diagnostic(`${gone} of ${MOMENTS} left something to do`);
  },
);

bundleTest(
  'an export that finds the disk full goes on when there is room',
  async ({ source }, context) => {
    using disk = mountTmpfs(1);
    if (disk === undefined) {
      context.skip('no file system can be mounted here');
      return;
    }
    const file = join(disk.path, 'x.bundle');
    const words = ['export', '--bundle', '-o', file, last];
    const full = await runFerry(source, words);
    assert.equal(full.status, NO_SPACE, full.stderr);
    assert.match(full.stderr, /cannot write ".*x\.bundle\.part": no space left on device/);
    assert.match(full.stderr, /note: what is written so far is kept/);
    assert.equal(existsSync(file), false);
    disk.resize(20);
    const again = await runFerry(source, words);
    assert.equal(again.status, 0, again.stderr);
    assert.match(
      again.stderr,
      /going on with what an earlier export left: \d+ of 40 paths are there/,
    );
    await runFerryOk(source, ['bundle', 'verify', '--no-trust', file]);
    assert.ok(statSync(file).size > 1_000_000);
  },
);

function start(home: NixHome, words: readonly string[]): ChildProcess {
  return spawn(ferryBin, words, { cwd: home.path, env: ferryEnv(home), stdio: 'ignore' });
}

/** Kills it so long after it has begun, if it still runs then. */
async function killAfter(child: ChildProcess, begun: () => boolean, ms: number): Promise<void> {
  const over = once(child, 'exit');
  await untilBegun(child, begun);
  await Promise.race([over, sleep(ms)]);
  child.kill('SIGKILL');
  await over;
}

/** Milliseconds of what is left undisturbed, from when it has begun. */
async function durationOf(child: ChildProcess, begun: () => boolean): Promise<number> {
  const over = once(child, 'exit');
  await untilBegun(child, begun);
  const before = performance.now();
  const [status] = await over;
  assert.equal(status, 0);
  return performance.now() - before;
}

async function untilBegun(child: ChildProcess, begun: () => boolean): Promise<void> {
  while (!begun() && child.exitCode === null) await sleep(2);
}
