/** Operations of `nix-store` that add, pack, unpack and name files, beside Nix 2.34. */
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hostileNars } from '../../vectors/nar/hostile.ts';
import { bytesOf, richNar } from '../../vectors/nar/build.ts';
import { openBesideNix } from '../../support/beside-nix.ts';
import { ferryBin, ferryEnv } from '../../support/ferry-program.ts';
import { startNixDaemon } from '../../support/nix-daemon.ts';
import type { NixHome } from '../../support/nix-home.ts';
import { peerTest } from '../../support/peers.ts';
import { run, runForBytes } from '../../support/run.ts';

/** Files of every kind in a home. */
async function makeFiles({ path }: NixHome): Promise<void> {
  const at = (...parts: readonly string[]): string => join(path, ...parts);
  mkdirSync(at('tree/sub'), { recursive: true });
  writeFileSync(at('tree/sub/run'), '#!/bin/sh\n', { mode: 0o744 });
  writeFileSync(at('tree/grüße'), 'a name beyond ASCII');
  symlinkSync('sub/run', at('tree/link'));
  mkdirSync(at('tree/empty'));
  writeFileSync(at('hello.txt'), 'hello');
  writeFileSync(at('program'), 'hello', { mode: 0o755 });
  writeFileSync(at('large'), Buffer.alloc(1 << 20, 'large'));
  writeFileSync(at('empty'), '');
  writeFileSync(at('.hidden'), 'hidden');
  writeFileSync(at('a b'), 'a name that no path can have');
  writeFileSync(at('n'.repeat(212)), 'a name that is too long');
  symlinkSync('hello.txt', at('link'));
  symlinkSync('tree', at('tree-link'));
  symlinkSync('nowhere', at('dangling'));
  mkdirSync(at('odd'));
}

const ZEROS = '0'.repeat(52);
const SRI = `sha256-${'A'.repeat(43)}=`;

peerTest('files are added as Nix adds them', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeFiles });
  const lines: readonly string[] = [
    '--add',
    '--add hello.txt',
    '--add hello.txt program tree link tree-link dangling empty large .hidden',
    '-A tree/ tree// ./tree/sub HOME/hello.txt',
    '--add tree/../hello.txt',
    '--add .',
    '--add nowhere',
    '--add hello.txt nowhere program',
    '--add nowhere hello.txt',
    `--add ${'n'.repeat(212)}`,
    '--add --recursive hello.txt',
    '--add --frob',
    '--no-output --add hello.txt',
    '--add-fixed',
    '--add-fixed sha256',
    '--add-fixed frob hello.txt',
    '--add-fixed blake3 hello.txt',
    '--add-fixed sha256 hello.txt program empty large',
    '--add-fixed sha1 hello.txt',
    '--add-fixed md5 hello.txt',
    '--add-fixed sha512 hello.txt',
    '--add-fixed sha256 tree',
    '--add-fixed sha256 link',
    '--add-fixed sha256 nowhere',
    '--add-fixed --recursive sha256 hello.txt tree link',
    '--add-fixed sha1 --recursive hello.txt tree',
    '--add-fixed --recursive md5 tree/',
    '--add-fixed --frob sha256 hello.txt',
    '--print-fixed-path',
    `--print-fixed-path sha256 ${ZEROS}`,
    `--print-fixed-path sha256 ${ZEROS} name`,
    `--print-fixed-path sha256 ${ZEROS} name more`,
    `--print-fixed-path --recursive sha256 ${ZEROS} name`,
    `--print-fixed-path sha256 ${'0'.repeat(64)} name`,
    `--print-fixed-path sha256 ${SRI} name`,
    `--print-fixed-path sha256 ${SRI.slice(0, -1)} name`,
    `--print-fixed-path sha1 ${SRI} name`,
    `--print-fixed-path --recursive sha1 ${'0'.repeat(32)} name`,
    `--print-fixed-path md5 ${'F'.repeat(32)} name`,
    `--print-fixed-path sha512 ${'0'.repeat(103)} name`,
    `--print-fixed-path sha256 ${'0'.repeat(51)} name`,
    `--print-fixed-path sha256 z${'0'.repeat(51)} name`,
    `--print-fixed-path frob ${ZEROS} name`,
    `--print-fixed-path sha256 ${ZEROS} .`,
    `--print-fixed-path sha256 ${ZEROS} .hidden`,
    `--print-fixed-path sha256 ${ZEROS} na/me`,
    `--print-fixed-path --frob sha256 ${ZEROS} name`,
    '--init',
    '--init more',
    '--init --frob',
    '--query --hash /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello.txt',
  ];
  for (const line of lines) await beside.compare('nix-store', line);
  await beside.compare('nix-store', ['--add', 'a b']);
  await beside.compare('nix-store', ['--add', '']);
  await beside.compare('nix-store', ['--add', '--stdin'], { input: 'hello.txt\n tree\n' });
  await beside.compareStores('nix-store', '--dump-db');
  const [theirs, ours] = await Promise.all([beside.theirs, beside.ours].map(infosOf));
  assert.deepEqual(ours, theirs);
  await beside.compareStores('nix-store', '--verify --check-contents');
});

peerTest('a store that is not there is made by --init', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const store = 'local?root=HOME/new';
  await beside.compare('nix-store', ['--store', store, '--init']);
  assert.ok(existsSync(join(beside.ours.path, 'new/nix/var/nix/db/db.sqlite')));
  await beside.compareStores('nix-store', ['--store', store, '--dump-db']);
});

peerTest('NARs are written and unpacked as Nix does', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeFiles });
  const { ours, theirs } = beside;
  const program = join(ours.path, 'bin/nix-store');
  const oursForBytes = async (words: readonly string[]): Promise<Uint8Array> =>
    (await runForBytes(program, words, { cwd: ours.path, env: ferryEnv(ours) })).stdout;
  for (const word of ['hello.txt', 'program', 'tree', 'tree/', 'link', 'dangling', 'large']) {
    await beside.compare('nix-store', ['--dump', word]);
  }
  const { stdout: nar } = await theirs.runForBytes('nix-store', ['--dump', 'tree']);
  assert.deepEqual(await oursForBytes(['--dump', 'tree']), nar);
  for (const line of ['--dump', '--dump nowhere', '--dump tree large', '--dump --frob tree']) {
    // Nix may have begun by then.
    await beside.compare('nix-store', line, { by: () => '' });
  }

  const restored: readonly (readonly [string, string | Uint8Array])[] = [
    ['--restore new', nar],
    ['--restore HOME/absolute', nar],
    ['--restore slash/', nar],
    ['--restore rich', richNar],
    ['--restore new', nar],
    ['--restore tree', nar],
    ['--restore hello.txt', nar],
    ['--restore dangling', nar],
    ['--restore odd', nar],
    ['--restore nowhere/new', nar],
    ['--restore hello.txt/new', nar],
    ['--restore empty-input', ''],
    ['--restore', nar],
    ['--restore one two', nar],
    ['--restore --frob one', nar],
    ['--restore more-follows', bytesOf(nar, 'more')],
    ['--restore --stdin with-stdin', nar],
  ];
  for (const [line, input] of restored) await beside.compare('nix-store', line, { input });
  // Of what fails Nix leaves a part.
  rmSync(join(theirs.path, 'empty-input'), { recursive: true, force: true });
  assert.deepEqual(treeOf(ours), treeOf(theirs));

  for (const cut of [1, 8, 100, nar.length - 1]) {
    await beside.compare('nix-store', '--restore cut', { input: nar.subarray(0, cut) });
    assert.equal(existsSync(join(ours.path, 'cut')), false);
    rmSync(join(theirs.path, 'cut'), { recursive: true, force: true });
  }
});

peerTest('of hostile NARs nothing is left', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeFiles });
  const { ours, theirs } = beside;
  const before = treeOf(ours);
  for (const { name, bytes } of hostileNars) {
    const { ours: ended } = await beside.compare('nix-store', '--restore hostile', {
      input: bytes,
    });
    assert.equal(ended.status, 1, name);
    rmSync(join(theirs.path, 'hostile'), { recursive: true, force: true });
    assert.deepEqual(treeOf(ours), before, name);
  }
});

peerTest('keys are made as Nix makes them', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeFiles });
  const { ours, theirs, closure } = beside;
  const generate = '--generate-binary-cache-key';
  for (const line of [
    generate,
    `${generate} name secret`,
    `${generate} name secret public more`,
    `${generate} --frob name secret public`,
    `${generate} name nowhere/secret public`,
    `${generate} name secret odd`,
    `${generate} cache.example.org-1 secret public`,
    `${generate} cache.example.org-1 secret public`,
    `${generate} cache.example.org-2 HOME/other link`,
  ]) {
    await beside.compare('nix-store', line);
  }
  const metadata = ({ path }: NixHome): unknown[] =>
    ['secret', 'public', 'other', 'link', 'hello.txt'].map((name) => {
      const { mode, size } = lstatSync(join(path, name));
      return [name, mode, size];
    });
  assert.deepEqual(metadata(ours), metadata(theirs));
  // Nix signs with it, and trusts it.
  const { source } = closure;
  await ours.runOk('nix', ['store', 'sign', '--key-file', 'secret', source]);
  const key = readFileSync(join(ours.path, 'public'), 'utf8');
  await ours.runOk('nix', [
    'store',
    'verify',
    '--sigs-needed',
    '1',
    '--trusted-public-keys',
    key,
    source,
  ]);
});

peerTest('files are added through a daemon', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: makeFiles });
  const { ours, theirs } = beside;
  await using daemon = await startNixDaemon(ours);
  const env = { ...ferryEnv(ours), NIX_REMOTE: daemon.uri };
  const ferry = async (program: string, words: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(program, words, { cwd: ours.path, env });
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };
  const words = ['nix-store', '--store', daemon.uri];
  for (const line of [
    '--add tree hello.txt link',
    '--add-fixed --recursive sha1 tree',
    '--add-fixed sha256 program',
  ]) {
    const expected = await theirs.runOk('nix-store', line.split(' '));
    assert.equal(await ferry(ferryBin, [...words, ...line.split(' ')]), expected);
  }
  const added = await ferry(ferryBin, ['store', 'add', '--store', daemon.uri, 'large']);
  assert.equal(added, await theirs.runOk('nix-store', ['--add', 'large']));
  const dumped = await ferry(ferryBin, [...words, '--dump-db']);
  assert.equal(dumped, await ours.runOk('nix-store', ['--dump-db']));
  for (const operation of ['--load-db', '--register-validity']) {
    const { status, stderr } = await run(ferryBin, [...words, operation], { cwd: ours.path, env });
    assert.equal(status, 1);
    assert.match(stderr, /it is not on this machine/);
  }
  await beside.compareStores('nix-store', '--dump-db');
  await ours.verify();
});

/** What real Nix knows of all paths, but for when they were registered. */
async function infosOf(home: NixHome): Promise<unknown> {
  const words = ['path-info', '--all', '--json', '--json-format', '1'];
  return JSON.parse(await home.runOk('nix', words), (key, value: unknown) =>
    key === 'registrationTime' ? undefined : value,
  );
}

/** Everything in a home that its programs might have written, with modes; times are now. */
function treeOf({ path }: NixHome): string[] {
  const found: string[] = [];
  // Names need not be UTF-8: one character is one byte.
  const look = (name: string): void => {
    const file = Buffer.from(join(path, name), 'latin1');
    const stats = lstatSync(file);
    const target = stats.isSymbolicLink() ? ` -> ${readlinkSync(file, 'latin1')}` : '';
    const contents = stats.isFile() ? ` ${stats.size}` : '';
    found.push(`${name} ${stats.mode.toString(8)}${target}${contents}`);
    if (stats.isDirectory()) {
      for (const entry of readdirSync(file, 'latin1').sort()) look(`${name}/${entry}`);
    }
  };
  for (const name of readdirSync(path, 'latin1').sort()) {
    if (!['bin', 'conf', 'home', 'root', 'tmp'].includes(name)) look(name);
  }
  return found;
}
