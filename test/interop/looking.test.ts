/**
 * Looking into closures beside real Nix 2.34, on a store that is large enough for its closures to be cut out of the
 * whole; and into a binary cache, from which no contents are taken for it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplePath, type Sample } from '../conformance/nars.ts';
import { openBesideNix } from '../support/beside-nix.ts';
import { runFerry, runFerryOk, type FerryHome } from '../support/ferry-program.ts';
import { startHttpCache } from '../support/http-cache.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { makeTempDirectory } from '../support/temp.ts';

const COUNT = 1500;
const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';

/** Paths without trees; n refers to 2n + 1 and 2n + 2 and to one further on, and every fifth to itself. */
function madePath(n: number): string {
  let hash = '';
  for (let rest = (n + 1) * 2_654_435_761; hash.length < 32; rest = Math.floor(rest / 32)) {
    hash += DIGITS[rest % 32];
  }
  return `/nix/store/${hash}-made-${n % 40}.${n}`;
}

async function registerMany(home: NixHome): Promise<void> {
  const lines = Array.from({ length: COUNT }, (_, n) => {
    const numbers = [2 * n + 1, 2 * n + 2, n + 7 + (n % 91), ...(n % 5 === 0 ? [n] : [])];
    const references = [...new Set(numbers.filter((m) => m < COUNT))].map(madePath);
    const size = 100 + ((n * 7919) % 100_003);
    return [madePath(n), 'ab'.repeat(32), size, '', references.length, ...references];
  });
  const input = lines.flat().map((line) => `${line}\n`);
  await home.runOk('nix-store', ['--load-db'], { input: input.join('') });
}

peerTest('a closure of thousands is told as Nix tells it', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepare: registerMany });
  const root = madePath(0);
  const middle = madePath(5);
  for (const words of [
    `path-info -rsS ${root}`,
    `path-info -rS -h ${middle}`,
    `path-info -S ${middle} ${root} ${madePath(900)}`,
    'path-info --all -S',
    `path-info -rS --json --json-format 1 ${middle}`,
  ]) {
    await beside.compare('nix', words);
  }
  for (const words of [`-qR ${root}`, `-qR ${middle} ${madePath(17)}`, `-q --tree ${root}`]) {
    await beside.compare('nix-store', words);
  }
  const { theirs, ours } = beside;
  for (const [format, flag] of [
    ['dot', '--graph'],
    ['graphml', '--graphml'],
  ] as const) {
    const drawn = await theirs.runOk('nix-store', ['--query', flag, root, middle]);
    assert.equal((await runFerryOk(ours, ['graph', '-f', format, root, middle])).trimEnd(), drawn);
  }
});

peerTest('sizes of ferry are those of Nix', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  await registerMany(home);
  const theirs = await home.runOk('nix', ['path-info', '-rsS', madePath(0)]);
  const ours = await runFerryOk(home, ['info', '-r', '--bytes', madePath(0)]);
  const columns = theirs.split('\n').map((line) => {
    const [path, size, closure] = line.trim().split(/\s+/);
    return [size, closure, path];
  });
  assert.equal(columns.length, COUNT);
  assert.deepEqual(
    ours
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)),
    columns,
  );
});

function sample(name: string, ...references: readonly Sample[]): Sample {
  return samplePath(
    name,
    references.map(({ info }) => info.path),
  );
}

test('of a cache only narinfos are asked for, unless files are to be read', async () => {
  const base = sample('base-1');
  const library = sample('library-1', base);
  const application = sample('application-1', library, base);
  const newer = sample('application-2', base);
  const samples = [base, library, application, newer];
  await using cache = await startHttpCache(samples);
  await using temp = makeTempDirectory();
  const home: FerryHome = {
    path: temp.path,
    env: { HOME: temp.path, NIX_CONF_DIR: temp.path, NIX_USER_CONF_FILES: '', LANG: 'C.UTF-8' },
  };
  const [root, after] = [application, newer].map(({ info }) => `/nix/store/${info.path}`);
  const ask = async (...words: readonly (string | undefined)[]): Promise<string> =>
    await runFerryOk(
      home,
      words.filter((word) => word !== undefined),
    );
  const store = ['--store', cache.origin] as const;
  assert.match(await ask('info', ...store, root), /closure +\S+ KiB in 3 paths/);
  assert.equal((await ask('info', '-r', ...store, root)).trimEnd().split('\n').length, 3);
  assert.match(await ask('tree', ...store, root), /└───library-1/);
  assert.match(await ask('why', ...store, root, 'base'), /→ \/nix\/store\/\S+-base-1\n$/);
  assert.match(await ask('why', '--all', ...store, root, 'base'), /library-1\n/);
  assert.match(await ask('diff', ...store, root, after), /application 1 → 2/);
  assert.match(await ask('graph', '-f', 'json', ...store, root), /"closureSize":/);
  const nars = (): number => cache.seen.filter(({ path }) => /(^|\/)nar\//.test(path)).length;
  assert.equal(nars(), 0, 'no NAR was asked for');
  await ask('why', '--files', ...store, root, 'base');
  assert.ok(nars() > 0, 'and with --files they are');
  const unknown = await runFerry(home, ['info', ...store, `/nix/store/${'0'.repeat(32)}-none`]);
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /error: .*-none/);
});
