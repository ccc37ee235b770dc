/**
 * kill -9 of whatever takes part in a copy, at moments spread over all of it: what the destination then has is whole,
 * what is left besides is harmless, and the same command again finishes. FERRY_SEED repeats the moments of a run.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashBytes } from '../../src/format/hash.ts';
import {
  defaultStoreDir,
  hashPartOf,
  isStorePathBaseName,
  type StorePath,
} from '../../src/format/store-path.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { farFerry, farNix, ferryBin, ferryEnv, runFerry } from '../support/ferry-program.ts';
import { openLocalStores, type LocalStores } from '../support/local-stores.ts';
import { makeNixHome, openNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { findProcesses, isRunning, killAtOnce, waitUntil } from '../support/processes.ts';
import { startSshd, type Sshd } from '../support/sshd.ts';
import { makeTempDirectory, removeTree } from '../support/temp.ts';
import { createRandom } from '../../fuzz/random.ts';
import { seedOf } from '../support/seed.ts';

type Victim = 'client' | 'ssh' | 'far end';

interface Round {
  readonly victim: Victim;
  readonly direction: 'to' | 'from';
  readonly answering: 'Nix' | 'ferry';
  /** Whether it is before there is a far end (the client only), or while there is one. */
  readonly phase: 'start' | 'connected';
  /** In that phase, from 0 to 1. */
  readonly moment: number;
}

const ROUNDS = 50;
const KINDS = (['to', 'from'] as const).flatMap((direction) =>
  (['Nix', 'ferry'] as const).flatMap((answering) =>
    (['client', 'ssh', 'far end'] as const).map((victim) => ({ victim, direction, answering })),
  ),
);
/** A copy may end before its moment has come: it is tried again with half of the time. */
const TRIES_MAX = 12;
const NIX_EVERY = 10;

peerTest(
  `${ROUNDS} kills at any moment leave whole paths, and the same command finishes`,
  { nix: ['2.34'], programs: ['ssh', 'sshd'] },
  async (nix, context) => {
    const seed = seedOf(context);
    await using source = makeNixHome(nix('2.34'), { ram: true });
    await using temp = makeTempDirectory({ ram: true });
    await using stores = openLocalStores();
    const samples = manySamples();
    {
      await using store = await stores.open(source.root);
      await store.addPaths?.(toAdd(...samples));
    }
    await verifyByNix(source);
    mkdirSync(temp.join('ssh'));
    await using sshd = await startSshd({ dir: temp.join('ssh') });
    const world: World = {
      sshd,
      stores,
      source,
      paths: samples.map(({ info }) => info.path),
      destination: () => openNixHome(nix('2.34'), temp.join('destination')),
    };
    const durations = new Map<string, Duration>();
    const found: Found[] = [];
    for (const [index, round] of roundsOf(seed).entries()) {
      const key = `${round.direction} ${round.answering}`;
      const duration = durations.get(key) ?? (await measure(world, round));
      durations.set(key, duration);
      try {
        found.push(await perform(world, round, duration, index));
      } catch (error) {
        throw new Error(`${index}: ${JSON.stringify(round)}, FERRY_SEED=${seed}`, { cause: error });
      }
    }
    tell(context, durations, found);
  },
);

interface World {
  readonly sshd: Sshd;
  readonly stores: LocalStores;
  readonly source: NixHome;
  /** All that is copied, what is referred to first. */
  readonly paths: readonly StorePath[];
  /** As it was left; there is only ever one. */
  readonly destination: () => NixHome;
}

/** Milliseconds of a copy that nobody disturbs. */
interface Duration {
  readonly client: number;
  /** From the moment when the far end is there. */
  readonly connected: number;
}

function roundsOf(seed: number): Round[] {
  const random = createRandom(seed).number;
  const slices = Math.ceil(ROUNDS / KINDS.length);
  return Array.from({ length: ROUNDS }, (_, index) => {
    const kind = KINDS[index % KINDS.length];
    if (kind === undefined) throw new Error('there are kinds');
    const slice = Math.floor(index / KINDS.length);
    if (slice === 0 && kind.victim === 'client') {
      return { ...kind, phase: 'start', moment: random() };
    }
    // Each kind has a round in each slice of the copy, at random within the slice.
    return { ...kind, phase: 'connected', moment: (slice + random()) / slices };
  });
}

/** About 4 MB that don't compress in 80 paths, most of them small, each referring to two before it. */
function manySamples(): Sample[] {
  const samples: Sample[] = [];
  for (let i = 0; i < 80; i++) {
    const references = [samples[i - 1], samples[i >> 1]].flatMap(
      (sample) => sample?.info.path ?? [],
    );
    const text = hashBytes('sha512', `${i}`).digest;
    const repeated = Buffer.from(text)
      .toString('hex')
      .repeat(i % 10 === 0 ? 2000 : 300);
    samples.push(samplePath(`killed-${i}`, [...new Set(references)], repeated));
  }
  return samples;
}

async function measure(world: World, round: Round): Promise<Duration> {
  const started = performance.now();
  const copy = await startCopy(world, round);
  await waitUntil('the far end', () => world.sshd.sessionPrograms().length > 0);
  const connected = performance.now();
  assert.equal((await copy.ended).status, 0);
  const ended = performance.now();
  await requireFinished(world, true);
  return { client: ended - started, connected: ended - connected };
}

async function perform(
  world: World,
  round: Round,
  duration: Duration,
  index: number,
): Promise<Found> {
  const withNix = index % NIX_EVERY === 0 || index === ROUNDS - 1;
  let { moment } = round;
  let found: Found;
  for (let tries = 1; ; tries += 1) {
    const copy = await startCopy(world, round);
    const killed = await kill(world.sshd, copy.pid, { ...round, moment }, duration);
    const { status, stderr } = await copy.ended;
    await waitUntil('the end of all that took part', () => world.sshd.isIdle());
    if (killed) {
      if (round.victim !== 'client') requireTold(status, stderr);
      found = await requireWhole(world, round, status === 0);
      if (withNix) await verifyByNix(world.destination());
      break;
    }
    assert.equal(status, 0, stderr);
    assert.ok(tries < TRIES_MAX, 'a kill meets a copy that runs');
    moment /= 2;
  }
  const again = await runFerry(nearOf(world, round), argsOf(world, round), {
    env: { NIX_SSHOPTS: world.sshd.sshOptions },
  });
  assert.equal(again.status, 0, again.stderr);
  await requireFinished(world, withNix);
  return found;
}

interface RunningCopy {
  readonly pid: number;
  readonly ended: Promise<{ status: number | null; stderr: string }>;
}

/** To a destination that is empty. */
async function startCopy(world: World, round: Round): Promise<RunningCopy> {
  const { sshd } = world;
  removeTree(world.destination().path);
  const far = round.direction === 'to' ? world.destination() : world.source;
  sshd.provide('nix-store', round.answering === 'Nix' ? farNix(far) : farFerry(far));
  const near = nearOf(world, round);
  const child = spawn(ferryBin, argsOf(world, round), {
    cwd: near.path,
    env: { ...ferryEnv(near), NIX_SSHOPTS: sshd.sshOptions },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = endOf(child);
  await once(child, 'spawn');
  if (child.pid === undefined) throw new Error('a process that was started has a pid');
  return { pid: child.pid, ended };
}

/** The machine on which the client runs; the other is the far end. */
function nearOf(world: World, { direction }: Round): NixHome {
  return direction === 'to' ? world.source : world.destination();
}

function argsOf({ paths }: World, { direction }: Round): string[] {
  const last = paths.at(-1) ?? '';
  return ['copy', `--${direction}`, 'ssh://far', '--no-check-sigs', `${defaultStoreDir}/${last}`];
}

async function endOf(child: ChildProcess): Promise<{ status: number | null; stderr: string }> {
  const chunks: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
  // Not "close": what the client leaves behind when it is killed keeps its stderr open.
  const [status] = (await once(child, 'exit')) as [number | null];
  child.stderr?.destroy();
  return { status, stderr: Buffer.concat(chunks).toString() };
}

/** @returns whether it was still at work when its moment came. */
async function kill(
  sshd: Sshd,
  client: number,
  { victim, phase, moment }: Round,
  duration: Duration,
): Promise<boolean> {
  if (phase === 'start') {
    await sleep(moment * (duration.client - duration.connected));
    return killAtOnce(client);
  }
  await waitUntil('the far end', () => sshd.sessionPrograms().length > 0 || !isRunning(client));
  await sleep(moment * duration.connected);
  if (victim === 'client') return killAtOnce(client);
  const victims = victim === 'ssh' ? findProcesses(sshd.sshConfig) : sshd.sessionPrograms();
  return victims.map(killAtOnce).includes(true);
}

/** Whose connection broke ends with a reason, unless it had all it wanted. */
function requireTold(status: number | null, stderr: string): void {
  if (status === 0) return;
  assert.ok(status === 1 || status === 4, `ended with ${status}: ${stderr}`);
  assert.match(stderr, /^error: /m);
  assert.doesNotMatch(stderr, /mistake|^ +at /m);
}

/** What a killed copy left at the destination. */
interface Found {
  readonly valid: number;
  readonly leftovers: number;
}

/** Valid paths are whole and closed; besides them there is nothing but what has the name of a path to come. */
async function requireWhole(world: World, round: Round, isAll: boolean): Promise<Found> {
  const { paths, stores } = world;
  const destination = world.destination();
  await using store = await stores.open(destination.root);
  const valid = new Set(await store.queryAllValidPaths());
  await store.verifyPaths(valid, {
    checkContents: true,
    onResult: ({ path, state }) => assert.equal(state, 'whole', path),
  });
  for (const { path, references } of (await store.queryPathInfos(valid)).values()) {
    for (const reference of references) assert.ok(valid.has(reference), `${path} is closed`);
  }
  if (isAll) assert.deepEqual(valid, new Set(paths));
  const others = entriesOf(destination).filter(
    (name) => !isStorePathBaseName(name) || !valid.has(name),
  );
  const hashParts = new Set(paths.map(hashPartOf));
  const strange = others.filter((name) => !hashParts.has(name.slice(0, 32)));
  assert.deepEqual(strange, []);
  const writer = round.direction === 'to' ? 'far end' : 'client';
  const isByFerry = round.direction === 'from' || round.answering === 'ferry';
  // Who lives on cleans up at once.
  if (isByFerry && round.victim !== writer) assert.deepEqual(others, []);
  return { valid: valid.size, leftovers: others.length };
}

/** All of it is there, and of what was left nothing but empty lock files of paths that are valid. */
async function requireFinished({ paths, ...world }: World, withNix: boolean): Promise<void> {
  const destination = world.destination();
  if (withNix) await verifyByNix(destination);
  await using store = await world.stores.open(destination.root);
  assert.deepEqual(new Set(await store.queryAllValidPaths()), new Set(paths));
  await store.verifyPaths(paths, {
    checkContents: true,
    onResult: ({ path, state }) => assert.equal(state, 'whole', path),
  });
  const expected = new Set(paths.flatMap((path) => [path, `${path}.lock`]));
  const others = entriesOf(destination).filter((name) => !expected.has(name));
  assert.deepEqual(others, []);
}

function entriesOf(home: NixHome): string[] {
  try {
    return readdirSync(home.realPath('/nix/store')).filter((name) => name !== '.links');
  } catch {
    return [];
  }
}

/** Also: nothing was missing, which Nix would strike out of its database and call it done. */
async function verifyByNix(home: NixHome): Promise<void> {
  const { status, stderr } = await home.run('nix-store', ['--verify', '--check-contents']);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /disappeared|modified/);
}

/** How near to the middle of things the kills came. */
function tell(
  context: TestContext,
  durations: ReadonlyMap<string, Duration>,
  found: readonly Found[],
): void {
  for (const [kind, { client, connected }] of durations) {
    const ms = `${Math.round(client)} ms, ${Math.round(connected)} of them connected`;
    context.diagnostic(`a copy ${kind}: ${ms}`);
  }
  const valid = found.map((one) => one.valid).sort((a, b) => a - b);
  context.diagnostic(`paths valid after a kill: ${valid.join(' ')}`);
  const withLeftovers = found.filter(({ leftovers }) => leftovers > 0).length;
  context.diagnostic(`kills that left something else: ${withLeftovers}`);
}
