/**
 * Repairing and optimising while things go wrong: from every kind of store, with programs reading all the time, killed at
 * moments spread over all of it. FERRY_SEED repeats the moments of a run.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashBytes } from '../../src/format/hash.ts';
import {
  defaultStoreDir,
  isStorePathBaseName,
  type StorePath,
} from '../../src/format/store-path.ts';
import { samplePath, toAdd, type Sample } from '../conformance/nars.ts';
import { farFerry, farNix, ferryBin, ferryEnv, runFerry } from '../support/ferry-program.ts';
import { startHttpCache } from '../support/http-cache.ts';
import { openLocalStores, type LocalStores } from '../support/local-stores.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { killAtOnce } from '../support/processes.ts';
import { startSshd } from '../support/sshd.ts';
import { makeTempDirectory, removeTree } from '../support/temp.ts';
import { createRandom } from '../../fuzz/random.ts';
import { seedOf } from '../support/seed.ts';

const samples = makeSamples();
const paths = samples.map(({ info }) => info.path);
const [FIRST, SECOND, THIRD] = paths as [StorePath, StorePath, StorePath];

/** Paths of which each refers to the one before it; every other one has the same contents. */
function makeSamples(): Sample[] {
  const made: Sample[] = [];
  for (let n = 0; n < 24; n++) {
    const references = made.slice(-1).map(({ info }) => info.path);
    const text = Buffer.from(hashBytes('sha512', `${n % 2 === 0 ? 0 : n}`).digest).toString('hex');
    made.push(samplePath(`repaired-${n}`, references, text.repeat(n % 5 === 0 ? 8000 : 400)));
  }
  return made;
}

async function fill(stores: LocalStores, home: NixHome): Promise<void> {
  await using store = await stores.open(home.root);
  await store.addPaths?.(toAdd(...samples));
}

const real = (home: NixHome, path: StorePath): string =>
  home.realPath(`${defaultStoreDir}/${path}`);

function damage(home: NixHome, path: StorePath): void {
  const tree = real(home, path);
  const file = join(tree, 'text');
  chmodSync(tree, 0o755);
  chmodSync(file, 0o644);
  writeFileSync(file, `damaged${readFileSync(file, 'utf8').slice(7)}`);
  chmodSync(file, 0o444);
  chmodSync(tree, 0o555);
}

/** By real Nix: all are valid, there and whole; and nothing lies beside them. */
async function requireWhole(home: NixHome): Promise<void> {
  const { status, stderr } = await home.run('nix-store', ['--verify', '--check-contents']);
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /disappeared|modified/);
  const entries = readdirSync(home.realPath(defaultStoreDir));
  assert.deepEqual(entries.filter((name) => name !== '.links').sort(), [...paths].sort());
}

peerTest(
  'what is damaged or gone is taken from every kind of store',
  { nix: ['2.34'], programs: ['ssh', 'sshd'] },
  async (nix) => {
    await using stores = openLocalStores();
    await using source = makeNixHome(nix('2.34'), { ram: true });
    await using home = makeNixHome(nix('2.34'), { ram: true });
    for (const each of [source, home]) await fill(stores, each);
    await using temp = makeTempDirectory({ ram: true });
    const last = `${defaultStoreDir}/${paths.at(-1)}`;
    const cache = `file://${temp.join('cache')}`;
    await source.runOk('nix', ['copy', '--no-check-sigs', '--to', cache, last]);
    await using server = await startHttpCache(samples);
    mkdirSync(temp.join('ssh'));
    await using sshd = await startSshd({ dir: temp.join('ssh') });
    const env = { NIX_SSHOPTS: sshd.sshOptions };
    const far = new Map([
      ['ssh://far?remote-program=by-nix', farNix(source)],
      ['ssh://far?remote-program=by-ferry', farFerry(source)],
    ]);
    for (const [uri, program] of far) sshd.provide(uri.slice(uri.indexOf('=') + 1), program);
    for (const uri of [cache, server.origin, source.storeUri, ...far.keys()]) {
      damage(home, FIRST);
      damage(home, THIRD);
      removeTree(real(home, SECOND));
      const words = ['verify', '--all', '--no-trust', '--repair', '--json', '--from', uri];
      const { status, stdout, stderr } = await runFerry(home, words, { env });
      assert.equal(status, 0, `${uri}: ${stderr}`);
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      const repaired = events
        .filter(({ type }) => type === 'repaired')
        .map(({ path }) => String(path));
      const expected = [FIRST, SECOND, THIRD].map((path) => `${defaultStoreDir}/${path}`);
      assert.deepEqual(repaired.sort(), expected.sort(), uri);
      const { damaged, repaired: count } = events.at(-1) ?? {};
      assert.deepEqual([damaged, count], [3, 3]);
      await requireWhole(home);
      // A path that is whole, taken anew.
      const again = ['store', 'repair', '--from', uri, `${defaultStoreDir}/${FIRST}`];
      const forced = await runFerry(home, again, { env });
      assert.equal(forced.status, 0, forced.stderr);
    }
    await requireWhole(home);
  },
);

peerTest(
  'where it can not be repaired all stays as it is, and it is said why',
  { nix: ['2.34'] },
  async (nix) => {
    await using stores = openLocalStores();
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await fill(stores, home);
    damage(home, THIRD);
    const before = readFileSync(join(real(home, THIRD), 'text'), 'utf8');
    const path = `${defaultStoreDir}/${THIRD}`;
    await using broken = await startHttpCache(samples, {
      narOf: ({ info, nar }) => (info.path === THIRD ? nar.with(nar.length - 300, 7) : nar),
    });
    await using without = await startHttpCache(samples.slice(0, 2));
    const verify = ['verify', '--no-trust', '--repair', path];
    const from = (...uris: readonly string[]): string[] => uris.flatMap((uri) => ['--from', uri]);
    const asked = await runFerry(home, [...verify, ...from(without.origin, broken.origin)]);
    assert.equal(asked.status, 1);
    assert.match(asked.stderr, /^warning: .*\(it came from "http:/m);
    assert.match(asked.stderr, /^error: cannot repair .*: nobody gave it whole: .*hash mismatch/m);
    assert.match(asked.stderr, /^hint: asked ".*"; ".*" has it, but failed/m);
    const nobody = await runFerry(home, verify);
    assert.equal(nobody.status, 1);
    assert.match(nobody.stderr, /: no substituter is asked$/m);
    for (const store of [`file://${home.path}/cache`, 'daemon']) {
      await home.run('nix', ['copy', '--to', `file://${home.path}/cache`, '--no-check-sigs', path]);
      const elsewhere = await runFerry(home, [...verify, '--store', store]);
      assert.notEqual(elsewhere.status, 0);
      if (store !== 'daemon') {
        assert.match(
          elsewhere.stderr,
          /^error: cannot repair paths of "file:.*it is not on this machine$/m,
        );
      }
    }
    assert.equal(readFileSync(join(real(home, THIRD), 'text'), 'utf8'), before);
    const { status } = await runFerry(home, ['verify', '--from', without.origin, path]);
    assert.equal(status, 2);
  },
);

peerTest(
  'programs read the path all the time while it is repaired',
  { nix: ['2.34'] },
  async (nix) => {
    await using stores = openLocalStores();
    await using home = makeNixHome(nix('2.34'), { ram: true });
    await using source = makeNixHome(nix('2.34'), { ram: true });
    for (const each of [source, home]) await fill(stores, each);
    const file = join(real(home, FIRST), 'text');
    const reader = spawn('/bin/sh', [
      '-c',
      'while :; do cat "$0" >/dev/null || exit 3; done',
      file,
    ]);
    const ended = once(reader, 'exit');
    try {
      for (let round = 0; round < 8; round++) {
        const { status, stderr } = await runFerry(home, [
          'store',
          'repair',
          '--from',
          source.storeUri,
          `${defaultStoreDir}/${FIRST}`,
        ]);
        assert.equal(status, 0, stderr);
      }
      assert.equal(reader.exitCode, null, 'it was there at every moment');
    } finally {
      reader.kill('SIGKILL');
      await ended;
    }
    await requireWhole(home);
  },
);

interface Work {
  readonly name: string;
  readonly words: (source: NixHome) => string[];
  /** Before each run. */
  readonly prepare: (home: NixHome) => void;
}

const WORKS: readonly Work[] = [
  {
    name: 'repairing',
    words: (source) => ['verify', '--all', '--no-trust', '--repair', '--from', source.storeUri],
    prepare(home) {
      for (const path of paths.slice(0, 10)) damage(home, path);
      removeTree(real(home, paths.at(11) ?? FIRST));
    },
  },
  { name: 'optimising', words: () => ['store', 'optimise'], prepare() {} },
];
const KILLS = 8;

for (const work of WORKS) {
  peerTest(
    `${KILLS} kills while ${work.name} break nothing, and the same command finishes`,
    { nix: ['2.34'] },
    async (nix, context) => {
      const seed = seedOf(context);
      const random = createRandom(seed).number;
      await using stores = openLocalStores();
      await using source = makeNixHome(nix('2.34'), { ram: true });
      await fill(stores, source);
      let killed = 0;
      let duration = 0;
      for (let round = 0; round <= KILLS; round++) {
        await using home = makeNixHome(nix('2.34'), { ram: true });
        await fill(stores, home);
        work.prepare(home);
        const started = performance.now();
        const run = start(home, work.words(source));
        const ended = once(run, 'exit');
        // The first one tells how long it takes.
        if (round > 0) {
          await sleep(((round - 1 + random()) / KILLS) * duration);
          if (run.pid !== undefined && killAtOnce(run.pid)) killed++;
        }
        await ended;
        duration ||= performance.now() - started;
        await requireNothingNew(stores, home);
        const again = await runFerry(home, work.words(source));
        assert.equal(again.status, 0, `round ${round}: ${again.stderr}`);
        const { status, stderr } = await home.run('nix-store', ['--verify', '--check-contents']);
        assert.equal(status, 0, `round ${round}: ${stderr}`);
        assert.doesNotMatch(stderr, /disappeared|modified/);
        for (const path of paths) assert.ok(existsSync(real(home, path)), path);
      }
      assert.ok(killed > KILLS / 2, `${killed} were killed`);
    },
  );
}

function start(home: NixHome, words: readonly string[]): ChildProcess {
  return spawn(ferryBin, words, { cwd: home.path, env: ferryEnv(home), stdio: 'ignore' });
}

/** All paths are valid still, and what lies beside them has the name of one, or of a link to come. */
async function requireNothingNew(stores: LocalStores, home: NixHome): Promise<void> {
  await using store = await stores.open(home.root);
  assert.deepEqual(await store.queryAllValidPaths(), [...paths].sort());
  const hashParts = new Set(paths.map((path) => path.slice(0, 32)));
  for (const name of readdirSync(home.realPath(defaultStoreDir))) {
    const isKnown =
      name === '.links' || name.startsWith('.tmp-link-') || hashParts.has(name.slice(0, 32));
    assert.ok(isKnown, `${name} (${isStorePathBaseName(name)})`);
  }
}
