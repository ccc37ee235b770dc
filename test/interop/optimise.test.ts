/**
 * Equal files shared by one are shared for the other: Nix 2.34 and ferry optimise the same store in turns and at the same
 * time, and either's garbage collection clears what the other left in `.links`.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { runFerry, runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, openNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { runOk } from '../support/run.ts';
import { makeSmallClosure } from '../support/small-closure.ts';
import { makeTempDirectory } from '../support/temp.ts';

const TREES = 12;
const FILES = 40;

/** Trees of which each has most files in common with the others. @returns their store paths */
async function addTrees(home: NixHome, prefix = 'tree'): Promise<string[]> {
  const paths: string[] = [];
  for (let n = 0; n < TREES; n++) {
    const tree = join(home.path, `${prefix}-${n}`);
    mkdirSync(join(tree, 'deep', 'er'), { recursive: true });
    for (let i = 0; i < FILES; i++) {
      const file = join(tree, ['.', 'deep', 'deep/er'][i % 3] ?? '.', `file-${i}`);
      writeFileSync(file, i % 10 === 0 ? `own ${n} ${i}` : `shared ${i}`.repeat(i * 50));
      if (i % 7 === 0) chmodSync(file, 0o755);
    }
    writeFileSync(join(tree, 'empty'), '');
    symlinkSync('file-1', join(tree, 'link'));
    paths.push(await home.runOk('nix-store', ['--add', tree]));
  }
  return paths;
}

const linksOf = (home: NixHome): string => home.realPath('/nix/store/.links');

/** Names of all links, each with how many names its file has; equal in stores that are shared the same way. */
function links(home: NixHome): Map<string, number> {
  const directory = linksOf(home);
  const names = readdirSync(directory).sort();
  return new Map(names.map((name) => [name, lstatSync(join(directory, name)).nlink]));
}

/** Modes and times of everything in a path. */
function metadata(home: NixHome, path: string): string[] {
  const root = home.realPath(path);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .concat('')
    .sort()
    .map((name) => {
      const { mode, mtimeMs } = lstatSync(join(root, name));
      return `${name} ${(mode & 0o7777).toString(8)} ${mtimeMs}`;
    });
}

async function requireNothingToDo(home: NixHome): Promise<void> {
  const nix = await home.run('nix-store', ['--optimise']);
  assert.match(nix.stderr, /^0\.0 KiB freed by hard-linking 0 files$/m);
  const ferry = await runFerry(home, ['store', 'optimise', '--json']);
  assert.match(ferry.stdout, /"filesLinked":0,"bytesFreed":0,"failed":0/);
  await home.verify();
}

peerTest('one makes of a store what the other makes of it', { nix: ['2.34'] }, async (nix) => {
  await using theirs = makeNixHome(nix('2.34'), { ram: true });
  await makeSmallClosure(theirs);
  const paths = await addTrees(theirs);
  await using temp = makeTempDirectory({ ram: true });
  // Times of links too, which Node's own copying leaves out.
  await runOk('cp', ['--archive', '--no-target-directory', theirs.path, temp.path]);
  const ours = openNixHome(nix('2.34'), temp.path);
  const nixTold = await theirs.run('nix-store', ['--optimise']);
  const dry = await runFerryOk(ours, ['store', 'optimise', '--dry-run', '--json']);
  const done = await runFerryOk(ours, ['store', 'optimise', '--json']);
  const { filesLinked, bytesFreed } = JSON.parse(done) as Record<string, number>;
  assert.deepEqual(JSON.parse(dry), { ...JSON.parse(done), dryRun: true });
  assert.ok(filesLinked !== undefined && filesLinked > TREES * 30, done);
  assert.match(nixTold.stderr, new RegExp(`hard-linking ${filesLinked} files`));
  const mebi = ((bytesFreed ?? 0) / 1024 / 1024).toFixed(1);
  assert.match(nixTold.stderr, new RegExp(`^${mebi.replace('.', '\\.')} MiB freed`, 'm'));
  assert.deepEqual(links(ours), links(theirs));
  for (const path of paths) assert.deepEqual(metadata(ours, path), metadata(theirs, path));
  for (const home of [theirs, ours]) await requireNothingToDo(home);
});

peerTest('both at the same time, on one store', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  await addTrees(home);
  const runs = await Promise.all([
    home.run('nix-store', ['--optimise']),
    runFerry(home, ['store', 'optimise']),
    home.run('nix-store', ['--optimise']),
    runFerry(home, ['store', 'optimise']),
  ]);
  for (const { status, stderr } of runs) assert.equal(status, 0, stderr);
  await requireNothingToDo(home);
  // Nix leaves some of its own behind where both link the same file at the same moment.
  const isOurs = (name: string): boolean => /^\.tmp-link-\d+-[0-9a-f]{12}$/.test(name);
  assert.deepEqual(readdirSync(home.realPath('/nix/store')).filter(isOurs), []);
});

peerTest('a collection by Nix clears what ferry has linked', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  const [kept = '', ...dead] = await addTrees(home);
  await runFerryOk(home, ['store', 'optimise']);
  const before = links(home);
  await home.runOk('nix-store', ['--realise', kept, '--add-root', join(home.path, 'root-of-it')]);
  await home.runOk('nix-store', ['--gc']);
  const after = links(home);
  assert.ok(after.size < before.size);
  assert.ok([...after.values()].every((count) => count >= 2));
  assert.equal((await home.run('nix-store', ['--check-validity', ...dead])).status, 1);
  await requireNothingToDo(home);
});

peerTest(
  'auto-optimise-store makes of what is added what Nix makes of it',
  { nix: ['2.34'] },
  async (nix) => {
    const settings = { 'auto-optimise-store': 'true' };
    await using source = makeNixHome(nix('2.34'), { ram: true });
    const paths = await addTrees(source);
    const cache = `file://${join(source.path, 'cache')}`;
    await source.runOk('nix', ['copy', '--to', cache, ...paths]);
    await using theirs = makeNixHome(nix('2.34'), { ram: true, settings });
    await using ours = makeNixHome(nix('2.34'), { ram: true, settings });
    await theirs.runOk('nix', ['copy', '--from', cache, '--no-check-sigs', ...paths]);
    await runFerryOk(ours, ['copy', '--from', cache, '--no-check-sigs', ...paths.slice(0, 6)]);
    await runFerryOk(ours, [
      'copy',
      '--from',
      source.storeUri,
      '--no-check-sigs',
      ...paths.slice(6, 9),
    ]);
    const rest = ['realise', '--substituters', cache, '--no-check-sigs', ...paths.slice(9)];
    await runFerryOk(ours, rest);
    assert.deepEqual(links(ours), links(theirs));
    for (const path of paths) assert.deepEqual(metadata(ours, path), metadata(theirs, path));
    await requireNothingToDo(ours);
    await using without = makeNixHome(nix('2.34'), { ram: true });
    await runFerryOk(without, ['copy', '--from', cache, '--no-check-sigs', ...paths]);
    assert.equal(links(without).size, 0);
  },
);

peerTest('a damaged link harms nothing, which Nix would let it', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'), { ram: true });
  const [first = ''] = await addTrees(home);
  await runFerryOk(home, ['store', 'optimise']);
  const { ino } = lstatSync(home.realPath(`${first}/file-3`));
  const [name = ''] = readdirSync(linksOf(home)).filter(
    (entry) => lstatSync(join(linksOf(home), entry)).ino === ino,
  );
  const good = readFileSync(home.realPath(`${first}/file-3`), 'utf8');
  chmodSync(join(linksOf(home), name), 0o644);
  writeFileSync(join(linksOf(home), name), good.toUpperCase());
  chmodSync(join(linksOf(home), name), 0o444);
  const tree = join(home.path, 'more');
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), good);
  const added = await home.runOk('nix-store', ['--add', tree]);
  const { status, stderr } = await runFerry(home, ['store', 'optimise']);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /warning: removed link ".*": it was damaged/);
  assert.equal(readFileSync(home.realPath(`${added}/file`), 'utf8'), good);
  const { status: verified } = await home.run('nix-store', ['--verify-path', added]);
  assert.equal(verified, 0);
});
