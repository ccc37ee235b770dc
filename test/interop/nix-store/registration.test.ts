/** The database as text, and what becomes valid by it, beside Nix 2.34; each other's dumps with 2.8 too. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { openBesideNix, type BesideNix } from '../../support/beside-nix.ts';
import { ferryBin, ferryEnv } from '../../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../../support/nix-home.ts';
import { peerTest, type NixPeer } from '../../support/peers.ts';
import { run } from '../../support/run.ts';

const path = (letter: string, name = letter): string => `/nix/store/${letter.repeat(32)}-${name}`;
const [A, B, C, D] = [path('a'), path('b'), path('c'), path('d')];
const HASH = '0'.repeat(64);

/** Trees as somebody put them there: modes, times and owners as they happen to be. */
async function layOut(home: NixHome): Promise<void> {
  writeFileSync(home.realPath(A), 'a file', { mode: 0o600 });
  const real = home.realPath(B);
  mkdirSync(join(real, 'sub'), { recursive: true });
  writeFileSync(join(real, 'run'), `#!/bin/sh\ncat ${A}\n`, { mode: 0o700 });
  writeFileSync(join(real, 'sub/readable'), 'b', { mode: 0o604 });
  chmodSync(join(real, 'run'), 0o4750);
  linkSync(join(real, 'run'), join(real, 'sub/run-too'));
  symlinkSync('/etc/passwd', join(real, 'link'));
  chmodSync(join(real, 'sub'), 0o2770);
  if (process.getuid?.() === 0) chownSync(join(real, 'sub/readable'), 4242, 4242);
  symlinkSync(B, home.realPath(C));
}

function metadataOf(home: NixHome): string[] {
  const found: string[] = [];
  const look = (name: string): void => {
    const file = join(home.root, 'nix/store', name);
    const stats = lstatSync(file);
    found.push(`${name} ${stats.mode.toString(8)} ${stats.mtimeMs} ${stats.uid} ${stats.gid}`);
    if (stats.isDirectory()) for (const entry of readdirSync(file)) look(`${name}/${entry}`);
  };
  for (const name of [A, B, C]) look(basename(name));
  return found;
}

const record = (...lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
const given = (name: string, ...references: readonly string[]): string =>
  record(name, HASH, '5', '', `${references.length}`, ...references);

async function compareDatabases(beside: BesideNix): Promise<void> {
  await beside.compareStores('nix-store', '--dump-db');
  await beside.compare('nix-store', '--dump-db');
}

peerTest('the database is printed as Nix prints it', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'));
  const { source, text, library, application, applicationDrv, paths } = beside.closure;
  for (const home of [beside.theirs, beside.ours]) {
    symlinkSync(application, join(home.path, 'result'));
    writeFileSync(join(home.path, 'file'), '');
  }
  for (const words of [
    ['--dump-db'],
    ['--dump-db', source],
    ['--dump-db', application, library, applicationDrv, application],
    ['--dump-db', `${library}/lib/small.txt`],
    ['--dump-db', 'result'],
    ['--dump-db', 'file'],
    ['--dump-db', 'nowhere'],
    ['--dump-db', text, path('d'), source],
    ['--dump-db', '--frob'],
    ['--dump-db', ...paths],
  ]) {
    await beside.compare('nix-store', words);
  }
  await beside.compare('nix-store', '--dump-db --stdin', {
    input: `${source}\n${library} ${text}`,
  });
});

peerTest('what is loaded is what Nix loads', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: layOut });
  const { source, library, libraryDrv, application } = beside.closure;
  const inputs: readonly string[] = [
    '',
    given(A),
    given(C, A, B, C) + given(B, A),
    // What is valid already is registered anew; what it referred to stays.
    given(A, D) + given(D),
    given(B),
    record(A, HASH, '7', path('k', 'a.drv'), '0'),
    record(A, HASH, '0', '', '0'),
    record(D, HASH, '1', path('k', 'a.drv'), '0') + record(D, HASH, '2', '', '0'),
    record(application, HASH, '3', '', '1', source),
    record(source, HASH, '4', '', '0'),
    // Other spellings.
    record(A, `sha256:${'0'.repeat(52)}`, '5', '', '0'),
    record(A, '0'.repeat(52), '5', '', '0'),
    record(A, `sha256-${'A'.repeat(43)}=`, '5', '', '0'),
    record(`${A}/`, HASH, '5', '', '0'),
    record(`/nix/store//${A.slice(11)}`, HASH, '+6', '', '0'),
    record(A, HASH, '006', '', '2', B, B),
    // What is refused.
    '\n',
    record(A),
    record(A, HASH),
    record(A, HASH, '5'),
    record(A, HASH, '5', ''),
    given(A).slice(0, -1),
    given(A) + record(B),
    `${given(A)}\n`,
    record(A, '', '5', '', '0'),
    record(A, HASH.slice(1), '5', '', '0'),
    record(A, `sha1:${'0'.repeat(40)}`, '5', '', '0'),
    record(A, HASH, '', '', '0'),
    record(A, HASH, '-5', '', '0'),
    record(A, HASH, ' 5', '', '0'),
    record(A, HASH, '5x', '', '0'),
    record(A, HASH, '99999999999999999999', '', '0'),
    record(A, HASH, '5', 'a.drv', '0'),
    record(A, HASH, '5', '', 'x'),
    record('a', HASH, '5', '', '0'),
    record('/elsewhere/a', HASH, '5', '', '0'),
    record(`${A}\r`, HASH, '5', '', '0'),
    record('/nix/store/short', HASH, '5', '', '0'),
    given(A, path('f')),
    given(path('g')) + given(path('h'), path('i')),
    given(path('j', 'j.drv')),
  ];
  for (const input of inputs) await beside.compare('nix-store', '--load-db', { input });
  for (const line of ['--load-db --frob', '--load-db more', '--load-db --hash-given']) {
    await beside.compare('nix-store', line, { input: given(A) });
  }
  await compareDatabases(beside);
  await beside.compareStores('nix-store', ['-q', '--referrers', A, B, source]);
  await beside.compareStores('nix-store', ['-q', '--outputs', libraryDrv]);
  await beside.compareStores('nix', ['path-info', '--sigs', application, library]);
});

peerTest(
  'cycles are refused, as by most releases of Nix',
  { nix: ['2.34', '2.8'] },
  async (nix) => {
    await using beside = await openBesideNix(nix('2.8'));
    const input = given(C, B) + given(B, C);
    const { ours } = await beside.compare('nix-store', '--load-db', { input });
    assert.equal(ours.status, 1);
    await compareDatabases(beside);
  },
);

peerTest('what lies there is registered as Nix does it', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: layOut });
  const { source } = beside.closure;
  const register = '--register-validity';
  const calls: readonly (readonly [string, string])[] = [
    [register, ''],
    [
      register,
      record(C, '', '2', B, C) + record(A, '', '0') + record(B, path('k', 'b.drv'), '1', A),
    ],
    [register, record(A, '', '1', B)],
    [`${register} --reregister`, record(source, '', '0')],
    [`${register} --reregister`, record(A, '', '0')],
    [`${register} --hash-given`, given(B)],
    [register, record(D, '', '0')],
    [`${register} --hash-given`, given(D)],
    [register, given(A)],
    [register, record(A)],
    [register, record(A, '')],
    [register, record(A, '', '0').slice(0, -1)],
    [register, record(A, '', 'x')],
    [`${register} --frob`, record(A, '', '0')],
    [`${register} more`, record(A, '', '0')],
    [`${register} --reregister`, record(A, '', '1', D)],
  ];
  for (const [line, input] of calls) await beside.compare('nix-store', line, { input });
  await compareDatabases(beside);
  assert.deepEqual(metadataOf(beside.ours), metadataOf(beside.theirs));
  await beside.compareStores('nix-store', ['-q', '--hash', A, B, C]);
  await beside.compareStores('nix-store', ['-q', '--size', A, B, C]);
  await beside.compareStores('nix-store', ['-q', '--references', A, B, C]);
  await beside.compareStores('nix-store', '--verify --check-contents');
  await beside.ours.verify();

  await beside.compare('nix-store', `${register} --reregister --hash-given`, { input: given(A) });
  await compareDatabases(beside);
});

peerTest('what no store holds is not registered', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), {
    prepareEach: async (home) => {
      await layOut(home);
      mkdirSync(home.realPath(D));
      await run('mkfifo', [join(home.realPath(D), 'pipe')]);
      writeFileSync(home.realPath(path('k', 'e.drv')), 'no derivation');
    },
  });
  for (const [line, input] of [
    ['--register-validity', record(A, '', '0') + record(D, '', '0')],
    ['--register-validity --hash-given', given(D) + given(A)],
    ['--register-validity', record(path('k', 'e.drv'), '', '0') + record(A, '', '0')],
    ['--load-db', given(path('k', 'e.drv')) + given(A)],
  ] as const) {
    const { ours } = await beside.compare('nix-store', line, { input });
    assert.equal(ours.status, 1);
  }
  await compareDatabases(beside);
});

/** A home whose store has the files of another, and an empty database. */
async function withFilesOf(from: NixHome, peer: NixPeer): Promise<NixHome & AsyncDisposable> {
  const home = makeNixHome(peer);
  const store = join(home.root, 'nix/store');
  cpSync(join(from.root, 'nix/store'), store, {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
  });
  return home;
}

async function ferryStore(
  home: NixHome,
  words: readonly string[],
  input?: string,
): Promise<string> {
  const { status, stdout, stderr } = await run(ferryBin, ['nix-store', ...words], {
    cwd: home.path,
    env: ferryEnv(home),
    ...(input === undefined ? {} : { input }),
  });
  assert.equal(status, 0, stderr);
  return stdout.replace(/\n$/, '');
}

peerTest('each loads what the other dumped', { nix: ['2.8', '2.34'] }, async (nix) => {
  for (const version of ['2.8', '2.34'] as const) {
    await using beside = await openBesideNix(nix(version));
    const { ours: source, closure } = beside;
    const dumped = await source.runOk('nix-store', ['--dump-db']);
    assert.equal(await ferryStore(source, ['--dump-db']), dumped);

    await using byFerry = await withFilesOf(source, nix(version));
    await ferryStore(byFerry, ['--load-db'], `${dumped}\n`);
    await using byNix = await withFilesOf(source, nix(version));
    await byNix.runOk('nix-store', ['--load-db'], {
      input: await ferryStore(source, ['--dump-db']).then((text) => `${text}\n`),
    });
    await using measured = await withFilesOf(source, nix(version));
    await ferryStore(measured, ['--register-validity'], withoutHashes(dumped));

    for (const home of [byFerry, byNix, measured]) {
      assert.equal(await home.runOk('nix-store', ['--dump-db']), dumped, version);
      assert.equal(await ferryStore(home, ['--dump-db']), dumped, version);
      await home.verify();
      const { applicationDrv, application, development } = closure;
      const outputs = await home.runOk('nix-store', ['-q', '--outputs', applicationDrv]);
      assert.deepEqual(outputs.split('\n').sort(), [application, development].sort());
    }
  }
});

/** The same records for `--register-validity` without `--hash-given`. */
function withoutHashes(text: string): string {
  const lines = text.split('\n');
  const kept: string[] = [];
  while (lines.length > 0) {
    const [name = '', , , deriver = '', count = ''] = lines.splice(0, 5);
    kept.push(name, deriver, count, ...lines.splice(0, Number(count)));
  }
  return record(...kept);
}
