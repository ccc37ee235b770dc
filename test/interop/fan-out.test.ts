/**
 * One reading of a store for far ends of every kind at once, through a real sshd: plain Nix of each release and ferry.
 * Some of them die or fall silent in the middle; real Nix judges what the others have.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment } from '../../src/config/environment.ts';
import type { CopySummary } from '../../src/copy/events.ts';
import { fanOut, type FanOutTarget } from '../../src/copy/fan-out.ts';
import { planCopy } from '../../src/copy/plan.ts';
import { defaultStoreDir, parseStorePath, type StorePath } from '../../src/format/store-path.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { NarStream, Store } from '../../src/store/store.ts';
import { overriding } from '../../src/store/wrap/overriding.ts';
import { remoteProgram } from '../support/far-program.ts';
import { farFerry, farNix, runFerry } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest, type NixVersion } from '../support/peers.ts';
import { startRelay, type Relay } from '../support/relay.ts';
import { describeClosure, requireSameClosure } from '../support/same-closure.ts';
import { makeSmallClosure } from '../support/small-closure.ts';
import { startSshd } from '../support/sshd.ts';
import { makeTempDirectory } from '../support/temp.ts';

const peers = { nix: ['2.8', '2.26', '2.34'], programs: ['ssh', 'sshd'] } as const;
/** Contents that don't compress: links break in the middle of them. */
const LARGE_PATHS = 6;
const LARGE_BYTES = 4 << 20;

/** The small closure and some large paths. */
async function fill(home: NixHome): Promise<string[]> {
  const { paths } = await makeSmallClosure(home);
  const large = Array.from({ length: LARGE_PATHS }, (_, index) => {
    const directory = join(home.path, `large-${index}`);
    mkdirSync(directory);
    writeFileSync(join(directory, 'random'), randomBytes(LARGE_BYTES));
    return directory;
  });
  const added = await home.runOk('nix-store', ['--add', ...large]);
  return [...paths, ...added.split('\n')];
}

interface Counted {
  readonly source: Store;
  readonly readings: Map<StorePath, number>;
}

/** How many times each NAR is read. */
function counted(store: Store): Counted {
  const readings = new Map<StorePath, number>();
  const count = ({ path, ...nar }: NarStream, chunks: AsyncIterable<Uint8Array>): NarStream => ({
    ...nar,
    path,
    [Symbol.asyncIterator]() {
      readings.set(path, (readings.get(path) ?? 0) + 1);
      return chunks[Symbol.asyncIterator]();
    },
  });
  const source = overriding(store, {
    async *readNars(paths, options) {
      for await (const nar of store.readNars(paths, options)) yield count(nar, nar);
    },
  });
  return { source, readings };
}

peerTest('four far ends are copied to from one reading', peers, async (nix) => {
  await using resources = new AsyncDisposableStack();
  const near = resources.use(makeNixHome(nix('2.34'), { ram: true }));
  const words = await fill(near);
  const roots = words.map((word) => parseStorePath(defaultStoreDir, word));
  const wanted = await describeClosure(near, nix('2.34'), words);
  const temp = resources.use(makeTempDirectory());
  const sshd = resources.use(await startSshd({ dir: temp.path }));
  const env = readEnvironment({ ...process.env, NIX_SSHOPTS: sshd.sshOptions });
  const { source, readings } = counted(resources.use(await openStore(near.storeUri)));
  const homes: NixHome[] = [];
  const targets: FanOutTarget[] = [];
  for (const kind of ['2.8', '2.26', '2.34', 'ferry'] as const) {
    const home = resources.use(makeNixHome(nix(kind === 'ferry' ? '2.34' : kind), { ram: true }));
    const program = remoteProgram(temp.path, kind === 'ferry' ? farFerry(home) : farNix(home));
    const uri = `ssh://far?remote-program=${program}`;
    const destination = resources.use(await openStore(uri, { env }));
    const plan = await planCopy(source, destination, roots, { checkSigs: false });
    homes.push(home);
    targets.push({ key: kind, destination, plan, checkSigs: false });
  }
  const outcomes = fanOut(source, targets);
  for (const [kind, outcome] of outcomes) {
    assert.equal((await outcome).copied, words.length, kind);
  }
  for (const home of homes) await requireSameClosure(home, nix('2.34'), words, wanted);
  assert.deepEqual(new Set(readings.values()), new Set([1]));
  assert.equal(readings.size, words.length);
});

peerTest('far ends that die or fall silent take nobody with them', peers, async (nix) => {
  await using resources = new AsyncDisposableStack();
  const near = resources.use(makeNixHome(nix('2.34'), { ram: true }));
  const words = await fill(near);
  const roots = words.map((word) => parseStorePath(defaultStoreDir, word));
  const wanted = await describeClosure(near, nix('2.34'), words);
  const temp = resources.use(makeTempDirectory());
  const sshd = resources.use(await startSshd({ dir: temp.path }));
  const source = resources.use(await openStore(near.storeUri));
  const silence = new AbortController();
  const open = async (home: NixHome, protocol: string, port: number): Promise<Store> => {
    const isNg = protocol === 'ssh-ng';
    const far = isNg ? { ...farNix(home), program: home.peer.program('nix-daemon') } : farNix(home);
    const options = port === sshd.port ? sshd.sshOptions : sshd.sshOptionsVia(port);
    const env = readEnvironment({ ...process.env, NIX_SSHOPTS: options });
    const uri = `${protocol}://far?remote-program=${remoteProgram(temp.path, far)}`;
    return resources.use(await openStore(uri, { env }));
  };
  const faults = ['cut', 'stall', undefined] as const;
  const homes = new Map<string, NixHome>();
  const relays: Relay[] = [];
  const targets: FanOutTarget[] = [];
  for (const protocol of ['ssh', 'ssh-ng'] as const) {
    for (const kind of faults) {
      const key = `${protocol}, ${kind ?? 'whole'}`;
      const home = resources.use(makeNixHome(nix('2.34'), { ram: true }));
      const fault =
        kind === undefined
          ? undefined
          : ({ kind, direction: 'up', afterBytes: 9_000_000 } as const);
      const relay = fault && resources.use(await startRelay({ port: sshd.port, fault }));
      if (relay !== undefined) relays.push(relay);
      const destination = await open(home, protocol, relay?.port ?? sshd.port);
      const plan = await planCopy(source, destination, roots, { checkSigs: false });
      const signal = kind === 'stall' ? silence.signal : undefined;
      homes.set(key, home);
      targets.push({ key, destination, plan, checkSigs: false, signal });
    }
  }
  // So little that the silent ones are left behind.
  const outcomes = fanOut(source, targets, { windowBytes: 2 << 20 });
  const outcome = (key: string): Promise<CopySummary> => outcomes.get(key) ?? assert.fail(key);
  for (const protocol of ['ssh', 'ssh-ng']) {
    assert.equal((await outcome(`${protocol}, whole`)).copied, words.length);
    await assert.rejects(outcome(`${protocol}, cut`), { code: 'unavailable' });
  }
  const reason = new Error('silent for too long');
  silence.abort(reason);
  for (const protocol of ['ssh', 'ssh-ng']) {
    await assert.rejects(outcome(`${protocol}, stall`), reason);
  }
  for (const [key, home] of homes) {
    if (key.endsWith('whole')) await requireSameClosure(home, nix('2.34'), words, wanted);
    else await home.verify();
  }
  // A server behind a link that is silent and stands holds the locks of what it was sent.
  for (const relay of relays) await relay[Symbol.asyncDispose]();
  // Once the links are mended, the same again does the rest.
  const again: FanOutTarget[] = [];
  for (const [key, home] of homes) {
    const destination = await open(home, key.split(',')[0] ?? '', sshd.port);
    const plan = await planCopy(source, destination, roots, { checkSigs: false });
    again.push({ key, destination, plan, checkSigs: false });
  }
  await Promise.all(fanOut(source, again).values());
  for (const home of homes.values()) await requireSameClosure(home, nix('2.34'), words, wanted);
});

peerTest('ferry copy with several --to, one of which can not be reached', peers, async (nix) => {
  await using resources = new AsyncDisposableStack();
  const near = resources.use(makeNixHome(nix('2.34'), { ram: true }));
  const words = await fill(near);
  const wanted = await describeClosure(near, nix('2.34'), words);
  const temp = resources.use(makeTempDirectory());
  const sshd = resources.use(await startSshd({ dir: temp.path }));
  const homes = ['2.8', '2.34'].map((version) =>
    resources.use(makeNixHome(nix(version as NixVersion), { ram: true })),
  );
  const uris = homes.map(
    (home) => `ssh://far?remote-program=${remoteProgram(temp.path, farNix(home))}`,
  );
  const to = ['ssh://far?remote-program=/nowhere/nix-store', ...uris].flatMap((uri) => [
    '--to',
    uri,
  ]);
  const args = ['copy', '--json', '--no-check-sigs', ...to, ...words];
  const env = { NIX_SSHOPTS: sshd.sshOptions };
  const { status, stdout, stderr } = await runFerry(near, args, { env });
  assert.equal(status, 6, stderr);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; to: string; code?: string });
  const ends = events.filter(({ type }) => type === 'done' || type === 'failed');
  assert.deepEqual(
    ends.map(({ type, to: name, code }) => `${name} ${type} ${code ?? ''}`.trim()).sort(),
    ['ssh://far (2) done', 'ssh://far (3) done', 'ssh://far failed not-found'],
  );
  for (const home of homes) await requireSameClosure(home, nix('2.34'), words, wanted);
});
