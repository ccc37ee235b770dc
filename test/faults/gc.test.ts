/**
 * Garbage collectors of Nix and of ferry while paths are added by either, and a collector that is killed: what was said to
 * be there stays there, what a root holds stays, and every store is found whole by Nix. FERRY_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { planCopy } from '../../src/copy/plan.ts';
import { transfer } from '../../src/copy/transfer.ts';
import { hashBytes } from '../../src/format/hash.ts';
import { defaultStoreDir, printStorePath, type StorePath } from '../../src/format/store-path.ts';
import type { LocalStore } from '../../src/store/local/local-store.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { ferryBin, ferryEnv, runFerry } from '../support/ferry-program.ts';
import { openLocalStores, type LocalStores } from '../support/local-stores.ts';
import { makeNixHome, openNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest, type NixVersion } from '../support/peers.ts';
import { killAtOnce } from '../support/processes.ts';
import { createRandom } from '../../fuzz/random.ts';
import { seedOf } from '../support/seed.ts';

const ROUNDS = 20;
const KILLS = 24;
const KEEP = { keepOutputs: false, keepDerivations: true };
/** A path that somebody's collector took before we held it is copied again. */
const TRIES_MAX = 20;

type Collecting = 'Nix 2.8' | 'Nix 2.34' | 'ferry';
type Adding = 'ferry' | 'ferry in its own process' | 'nix-store --import' | 'nix copy';

/** Who deletes while who adds. */
const KINDS: readonly (readonly [Collecting, Adding, NixVersion])[] = [
  ['Nix 2.8', 'ferry', '2.34'],
  ['Nix 2.34', 'ferry', '2.34'],
  ['ferry', 'nix-store --import', '2.34'],
  ['ferry', 'nix copy', '2.34'],
  ['ferry', 'ferry', '2.34'],
  ['Nix 2.34', 'ferry in its own process', '2.34'],
  ['ferry', 'nix-store --import', '2.8'],
  ['ferry', 'ferry in its own process', '2.34'],
  ['ferry', 'nix copy', '2.8'],
  ['Nix 2.8', 'ferry in its own process', '2.34'],
];

interface World {
  readonly stores: LocalStores;
  readonly source: NixHome;
  readonly destination: (version: NixVersion) => NixHome;
  /** What is asked for, each with its closure. */
  readonly tops: ReadonlyMap<StorePath, ReadonlySet<StorePath>>;
  readonly random: () => number;
}

peerTest(
  `${ROUNDS} rounds of adding while garbage is collected: nothing that is needed is gone`,
  { nix: ['2.8', '2.34'] },
  async (nix, context) => {
    const seed = seedOf(context);
    const random = createRandom(seed).number;
    await using source = makeNixHome(nix('2.34'), { ram: true });
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await using stores = openLocalStores();
    const samples = manySamples(60);
    {
      await using store = await stores.open(source.root);
      await store.addPaths?.(toAdd(...samples));
    }
    const destination = (version: NixVersion): NixHome => openNixHome(nix(version), home.path);
    const world: World = { stores, source, destination, tops: closuresOf(samples), random };
    const collections = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const kind = KINDS[round % KINDS.length];
      if (kind === undefined) throw new Error('there are kinds');
      try {
        const count = await performRound(world, kind);
        collections.set(kind[0], (collections.get(kind[0]) ?? 0) + count);
      } catch (error) {
        throw new Error(`${round}: ${kind.join(', ')}, FERRY_SEED=${seed}`, { cause: error });
      }
    }
    for (const [who, count] of collections) context.diagnostic(`collections by ${who}: ${count}`);
  },
);

/** @returns how many collections there were meanwhile */
async function performRound(
  world: World,
  [collecting, adding, version]: (typeof KINDS)[number],
): Promise<number> {
  const { tops, random, destination } = world;
  const roots = join(destination('2.34').root, 'nix/var/nix/gcroots');
  mkdirSync(roots, { recursive: true });
  // Some of what the rounds before left becomes garbage.
  for (const name of rootsIn(roots)) if (random() < 0.6) rmSync(join(roots, name));
  const wanted = [...tops.keys()].filter(() => random() < 0.5).slice(0, 4);
  // Nix holds nothing of what it finds valid: that may be garbage which is about to go.
  if (collecting !== 'ferry' || adding.startsWith('nix')) await leaveOnlyTrash(world);
  const stop = new AbortController();
  const loop = collectInLoop(world, collecting, stop.signal);
  try {
    for (const top of wanted) await addAndRoot(world, top, roots, adding, version);
  } finally {
    stop.abort();
  }
  const count = await loop;
  await requireRooted(world, roots);
  return count;
}

/**
 * Up to 2.34 Nix's collector deletes what it found dead a moment ago, though it was told meanwhile that somebody wants it:
 * nobody can rely on that. So there is only garbage that nobody wants in these rounds.
 */
async function leaveOnlyTrash({ stores, destination }: World): Promise<void> {
  const { root } = destination('2.34');
  await using store = await stores.open(root);
  await store.collectGarbage(KEEP);
  await store.addPaths?.(toAdd(...manySamples(60, 'trash')));
}

function rootsIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.startsWith('root-'));
}

async function collectInLoop(
  { stores, destination }: World,
  who: Collecting,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  const home = destination(who === 'Nix 2.8' ? '2.8' : '2.34');
  // At least one, however fast the adding is.
  do {
    if (who === 'ferry') {
      await using store = await stores.open(home.root);
      const { failure } = await store.collectGarbage(KEEP);
      assert.equal(failure, undefined);
    } else {
      const { status, stderr } = await home.run('nix-store', ['--gc']);
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stderr, /BUG/);
    }
    count++;
  } while (!signal.aborted);
  return count;
}

async function addAndRoot(
  world: World,
  top: StorePath,
  roots: string,
  adding: Adding,
  version: NixVersion,
): Promise<void> {
  const root = join(roots, `root-${top}`);
  const printed = printStorePath(defaultStoreDir, top);
  const { stores, source, destination, tops } = world;
  const closure = tops.get(top) ?? new Set();
  if (adding === 'ferry') {
    await using from = await stores.open(source.root);
    await using to = await stores.open(destination('2.34').root);
    await copyWhole(from, to, top);
    await requireThere(to, closure);
    await to.addRoot(root, top);
    await requireThere(to, closure);
    return;
  }
  // Nix makes no root for what it adds so: it is there before.
  if (adding.startsWith('nix')) symlinkIfAbsent(printed, root);
  for (let tries = 1; ; tries++) {
    const { status, stderr } = await addByProcess(world, top, adding, version);
    if (status === 0) break;
    // Nix holds nothing of what it found valid before it began to copy: then it fails, which is fair.
    assert.match(stderr, /is not valid/, stderr);
    assert.ok(adding.startsWith('nix'), stderr);
    assert.ok(tries < TRIES_MAX, stderr);
  }
  await using to = await stores.open(destination('2.34').root);
  await requireThere(to, closure);
}

async function copyWhole(from: LocalStore, to: LocalStore, top: StorePath): Promise<void> {
  await transfer(await planCopy(from, to, [top], {}), from, to, {});
}

async function addByProcess(
  { source, destination, tops }: World,
  top: StorePath,
  adding: Adding,
  version: NixVersion,
): Promise<{ status: number | null; stderr: string }> {
  const home = destination(version);
  const printed = printStorePath(defaultStoreDir, top);
  switch (adding) {
    case 'ferry':
    case 'ferry in its own process': {
      const words = ['nix', 'copy', '--no-check-sigs', '--from', source.storeUri];
      const root = join(destination('2.34').root, `nix/var/nix/gcroots/root-${top}`);
      return await runFerry(destination('2.34'), [...words, '--out-link', root, printed]);
    }
    case 'nix copy': {
      const words = ['copy', '--no-check-sigs', '--from', source.storeUri, printed];
      return await home.run('nix', words);
    }
    case 'nix-store --import': {
      const closure = [...(tops.get(top) ?? [])].map((path) =>
        printStorePath(defaultStoreDir, path),
      );
      const { stdout } = await source.runForBytes('nix-store', ['--export', ...closure]);
      return await home.run('nix-store', ['--import'], { input: stdout });
    }
  }
}

function symlinkIfAbsent(target: string, link: string): void {
  if (!existsSync(link) && !rootsIn(join(link, '..')).includes(`root-${target.slice(11)}`)) {
    symlinkSync(target, link);
  }
}

async function requireThere(store: LocalStore, paths: ReadonlySet<StorePath>): Promise<void> {
  const valid = await store.queryValidPaths(paths);
  for (const path of paths) {
    assert.ok(valid.has(path), `${path} is valid`);
    assert.ok(existsSync(store.toRealPath(path)), `${path} is there`);
  }
}

/** All that the roots hold is there, and all that is valid is whole. */
async function requireRooted({ stores, destination, tops }: World, roots: string): Promise<void> {
  {
    await using store = await stores.open(destination('2.34').root);
    for (const name of rootsIn(roots)) {
      await requireThere(store, tops.get(name.slice('root-'.length) as StorePath) ?? new Set());
    }
  }
  await verifyByNix(destination('2.34'));
}

/** Also: nothing was missing, which Nix would strike out of its database and call it done. */
async function verifyByNix(home: NixHome): Promise<void> {
  const { status, stderr } = await home.run('nix-store', ['--verify', '--check-contents']);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /disappeared|modified/);
}

peerTest(
  `${KILLS} kills of a collector leave whole paths, and the next one finishes`,
  { nix: ['2.34'] },
  async (nix, context) => {
    const seed = seedOf(context);
    const random = createRandom(seed).number;
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await using stores = openLocalStores();
    const samples = manySamples(200);
    const kept = samples.slice(0, 20).map(({ info }) => info.path);
    const left: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      {
        await using store = await stores.open(home.root);
        await store.addPaths?.(toAdd(...samples));
      }
      const root = join(home.root, 'nix/var/nix/gcroots/kept');
      if (kill === 0) symlinkSync(printStorePath(defaultStoreDir, kept.at(-1) as StorePath), root);
      await killCollector(home, Math.floor(random() * 170), random() * 4);
      await using store = await stores.open(home.root);
      left.push((await requireWhole(store)).length);
      if (kill % 8 === 0) await verifyByNix(home);
      const { failure } = await store.collectGarbage(KEEP);
      assert.equal(failure, undefined, `FERRY_SEED=${seed}`);
      assert.deepEqual(new Set(await store.queryAllValidPaths()), new Set(kept));
      const entries = readdirSync(home.realPath('/nix/store'));
      assert.deepEqual(new Set(entries), new Set(['.links', ...kept]));
    }
    await verifyByNix(home);
    context.diagnostic(`paths valid after a kill: ${left.sort((a, b) => a - b).join(' ')}`);
  },
);

/** Once so many paths were deleted, and some time after. */
async function killCollector(home: NixHome, deleted: number, afterMs: number): Promise<void> {
  const child = spawn(ferryBin, ['gc', '--json'], {
    cwd: home.path,
    env: ferryEnv(home),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  let lines = 0;
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout as AsyncIterable<string>) {
    lines += text.split('\n').length - 1;
    if (lines >= deleted) break;
  }
  await sleep(afterMs);
  if (child.pid !== undefined) killAtOnce(child.pid);
  await exited;
}

/** Valid paths are whole and closed. */
async function requireWhole(store: LocalStore): Promise<readonly StorePath[]> {
  const valid = await store.queryAllValidPaths();
  const isValid = new Set(valid);
  await store.verifyPaths(valid, {
    checkContents: true,
    onResult: ({ path, state }) => assert.equal(state, 'whole', path),
  });
  for (const { path, references } of (await store.queryPathInfos(valid)).values()) {
    for (const reference of references) assert.ok(isValid.has(reference), `${path} is closed`);
  }
  return valid;
}

/** Paths of some kilobytes, each referring to two before it. */
function manySamples(count: number, name = 'collected'): Sample[] {
  const samples: Sample[] = [];
  for (let i = 0; i < count; i++) {
    const references = [samples[i - 1], samples[i >> 1]].flatMap((one) => one?.info.path ?? []);
    const text = Buffer.from(hashBytes('sha512', `${name} ${i}`).digest).toString('hex');
    const isNew = i % 10 === 0;
    // Not all of them in one chain, or every closure would be all there is.
    const own = isNew ? [] : [...new Set(references)];
    samples.push(samplePath(`${name}-${i}`, own, text.repeat(isNew ? 2000 : 50)));
  }
  return samples;
}

/** The closures of those at the ends of chains. */
function closuresOf(samples: readonly Sample[]): Map<StorePath, Set<StorePath>> {
  const infos = new Map(samples.map(({ info }) => [info.path, info]));
  const tops = samples.filter((_, i) => i % 10 === 9).map(({ info }) => info.path);
  return new Map(
    tops.map((top) => {
      const closure = new Set([top]);
      for (const path of closure) for (const r of infos.get(path)?.references ?? []) closure.add(r);
      return [top, closure];
    }),
  );
}
