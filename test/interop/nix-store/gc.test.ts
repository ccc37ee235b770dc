/** Garbage collection beside Nix 2.34: what is told, what is left, and how it ends. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openBesideNix, type BesideNix, type CompareOptions } from '../../support/beside-nix.ts';
import { ferryBin, ferryEnv, runFerry, runFerryOk } from '../../support/ferry-program.ts';
import { startNixDaemon } from '../../support/nix-daemon.ts';
import { makeNixHome, openNixHome, type NixHome } from '../../support/nix-home.ts';
import { peerTest } from '../../support/peers.ts';
import { waitUntil } from '../../support/processes.ts';
import { run } from '../../support/run.ts';
import type { SmallClosure } from '../../support/small-closure.ts';
import { registerTrees } from '../../support/store-tree.ts';

const JUNK = '00000000000000000000000000000000-left-by-a-crash';

const stateOf = (home: NixHome): string => join(home.root, 'nix/var/nix');

function addRoot(home: NixHome, name: string, target: string): void {
  const file = join(stateOf(home), 'gcroots', name);
  mkdirSync(join(file, '..'), { recursive: true });
  symlinkSync(target, file);
}

/** Roots of every kind, dead and alive. */
async function addRoots(home: NixHome, closure: SmallClosure): Promise<void> {
  symlinkSync(closure.application, join(home.path, 'result'));
  symlinkSync(join(home.path, 'result'), join(home.path, 'result-2'));
  addRoot(home, 'auto/one', join(home.path, 'result'));
  addRoot(home, 'auto/too-far', join(home.path, 'result-2'));
  addRoot(home, 'auto/stale', join(home.path, 'nothing'));
  addRoot(home, 'stale', join(home.path, 'nothing'));
  addRoot(home, 'relative', '../../../../../result');
  addRoot(home, 'deep/er/inside', `${closure.text}/below`);
  addRoot(home, 'invalid', `/nix/store/${JUNK}`);
  addRoot(home, 'no-path', '/nix/store/short');
  addRoot(home, 'the-store', '/nix/store');
  writeFileSync(join(stateOf(home), 'gcroots', closure.source.slice('/nix/store/'.length)), '');
  writeFileSync(join(stateOf(home), 'gcroots/a-file'), closure.link);
  mkdirSync(join(stateOf(home), 'profiles/per-user/me'), { recursive: true });
  symlinkSync('me-1-link', join(stateOf(home), 'profiles/per-user/me/me'));
  symlinkSync(closure.text, join(stateOf(home), 'profiles/per-user/me/me-1-link'));
}

function addJunk(home: NixHome): void {
  const real = (name: string): string => home.realPath(`/nix/store/${name}`);
  for (const name of ['junk', '.hidden', 'tmp-file', JUNK, `${JUNK}.lock`]) {
    writeFileSync(real(name), name);
  }
  mkdirSync(real('tmp-1-0/deep'), { recursive: true });
  mkdirSync(real('trash'));
  symlinkSync('/etc/passwd', real('link-to-elsewhere'));
  chmodSync(real('trash'), 0o555);
  mkdirSync(real('.links'), { recursive: true });
  writeFileSync(real('.links/unused'), 'x'.repeat(5000));
}

function entries(home: NixHome): string[] {
  return readdirSync(home.realPath('/nix/store')).sort();
}

/** Both have the same left, and Nix finds it whole. */
async function requireSameLeft(beside: BesideNix): Promise<void> {
  const { theirs, ours } = beside;
  assert.deepEqual(entries(ours), entries(theirs));
  await beside.compareStores('nix-store', '--dump-db');
  await ours.verify();
}

const sortedLines = (text: string): string => text.split('\n').sort().join('\n');
/** Nix removes them by the way where others don't look. */
const withoutTempRoots = (text: string): string =>
  sortedLines(text.replace(/^removing stale temporary roots file .*\n/gm, ''));

peerTest('words of garbage collection are taken as by Nix', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: addRoots });
  const { closure } = beside;
  for (const words of [
    '--gc --print-roots',
    '--gc --print-live',
    '--gc --print-dead',
    '--gc --print-roots --print-dead',
    '--gc --print-live --print-dead',
    '--gc --print-dead --print-live',
    '--print-dead --gc',
    '--gc --print-dead --max-freed 3',
    '--gc --print-roots --max-freed 1G',
    '--gc --max-freed',
    '--gc --max-freed x',
    '--gc --max-freed 1.5',
    '--gc --max-freed 1KB',
    '--gc --max-freed 99999999999999999999',
    '--gc --max-freed 0',
    '--gc --max-freed -1',
    '--gc --max-freed -5G',
    '--gc something',
    '--gc --frob',
    '--gc --dry-run',
    '--gc --ignore-liveness',
    '--gc --delete',
    '--delete',
    '--delete --frob',
    '--delete --print-dead',
    '--delete --max-freed 1',
    '--delete /tmp/elsewhere',
    '--delete /nix/store/short',
    `--delete ${closure.library}`,
    `--delete ${closure.text} ${closure.library}`,
    `--delete --ignore-liveness ${closure.library}`,
    `--delete ${closure.application}/bin/small`,
    '--delete result',
  ]) {
    await beside.compare('nix-store', words);
  }
  await beside.compare('nix-store', ['--gc', '--max-freed', '']);
  for (const words of [
    '--dry-run',
    '--dry-run --max-freed 1',
    '--max-freed',
    '--max-freed lots',
    '--max-freed 0',
    '--delete-older-than',
    'something',
    '--frob',
    '--print-dead',
    '-x',
    '--dry-run --quiet',
  ]) {
    await beside.compare('nix-collect-garbage', words);
  }
  for (const words of [
    'store gc --dry-run',
    'store gc --dry-run --max 2',
    'store gc --max x',
    'store gc --max -1',
    'store gc --max 0',
    'store gc --max',
    'store gc something',
    'store gc --frob',
    `store delete ${closure.library}`,
  ]) {
    await beside.compare('nix', words);
  }
  await requireSameLeft(beside);
});

peerTest('what is garbage goes as in Nix', { nix: ['2.34'] }, async (nix) => {
  const withJunk = async (home: NixHome, closure: SmallClosure): Promise<void> => {
    await addRoots(home, closure);
    addJunk(home);
  };
  for (const [program, words] of [
    ['nix-store', '--gc'],
    ['nix-store', '--gc --option keep-derivations false'],
    ['nix-store', '--gc --option keep-outputs true'],
    ['nix-store', '--gc --option keep-outputs true --option keep-derivations false'],
    ['nix-store', '--gc --max-freed 1K'],
    ['nix-collect-garbage', ''],
    ['nix', 'store gc --max 100'],
    ['nix', 'store gc'],
  ] as const) {
    await using beside = await openBesideNix(nix('2.34'), { prepareEach: withJunk });
    const options: CompareOptions = words.includes('--gc ')
      ? {}
      : { stderr: true, by: withoutTempRoots };
    await beside.compare(program, words === '' ? [] : words, options);
    await requireSameLeft(beside);
    await beside.compare('nix-store', '--gc --print-dead');
    await beside.compare('nix-store', '--gc --print-live');
    await beside.compare('nix-store', '--gc --print-roots');
  }
});

peerTest('a listing has what is no path in it, as in Nix', { nix: ['2.34'] }, async (nix) => {
  const prepareEach = async (home: NixHome): Promise<void> => addJunk(home);
  await using beside = await openBesideNix(nix('2.34'), { prepareEach });
  await beside.compare('nix-store', '--gc --print-dead', { stderr: false });
  // Nix deletes what it lists there; a dry run of ours deletes nothing.
  assert.ok(entries(beside.ours).includes('junk') && !entries(beside.theirs).includes('junk'));
});

peerTest('particular paths are deleted as by Nix', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: async (h) => addJunk(h) });
  const { closure } = beside;
  const { application, development, link, library, text, source } = closure;
  for (const words of [
    `--delete /nix/store/${JUNK}`,
    `--delete ${application}`,
    `--delete ${link} ${application}`,
    `--delete ${library} ${application} ${development} ${link}`,
    `--delete ${text}`,
    `--delete --ignore-liveness ${text} ${source}`,
    `--delete ${closure.linkDrv} ${closure.applicationDrv}`,
    `--delete ${closure.libraryDrv} ${text}`,
    `--delete ${source}`,
    `--delete ${source}`,
  ]) {
    await beside.compare('nix-store', words);
    await requireSameLeft(beside);
  }
});

peerTest(
  'derivations and outputs are kept from deletion as by Nix',
  { nix: ['2.34'] },
  async (nix) => {
    await using beside = await openBesideNix(nix('2.34'));
    const { link, linkDrv, application, applicationDrv, development } = beside.closure;
    for (const words of [
      `--delete ${linkDrv}`,
      `--delete ${applicationDrv} ${application}`,
      `--delete ${link} --option keep-outputs true`,
      `--delete ${link} ${linkDrv} --option keep-outputs true`,
      `--delete ${development} --option keep-outputs true --option keep-derivations false`,
      `--delete ${development}`,
      `--delete ${applicationDrv} --option keep-derivations false`,
    ]) {
      await beside.compare('nix-store', words);
      await requireSameLeft(beside);
    }
  },
);

peerTest('equal files free what they take once, as in Nix', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), {
    async prepare(home) {
      const paths = ['a', 'b', 'c'].map((c) => `/nix/store/${c.repeat(32)}-equal-${c}`);
      for (const path of paths) {
        mkdirSync(home.realPath(path));
        writeFileSync(join(home.realPath(path), 'same'), 'same'.repeat(10_000));
        writeFileSync(join(home.realPath(path), 'own'), path);
      }
      await registerTrees(
        home,
        paths.map((path) => ({ path, references: [] })),
      );
    },
    // A copy has none of the links.
    prepareEach: async (home) => void (await home.runOk('nix-store', ['--optimise'])),
  });
  await beside.compare('nix-store', `--delete /nix/store/${'a'.repeat(32)}-equal-a`);
  await beside.compare('nix-store', '--gc', { stderr: true, by: withoutTempRoots });
  await requireSameLeft(beside);
});

peerTest('generations of profiles are given up as by Nix', { nix: ['2.34'] }, async (nix) => {
  /** Some of them days old. */
  const addProfile = (home: NixHome, file: string, closure: SmallClosure, ages: number[]): void => {
    mkdirSync(join(home.path, file, '..'), { recursive: true });
    for (const [i, days] of ages.entries()) {
      const link = join(home.path, `${file}-${i + 1}-link`);
      symlinkSync(closure.paths[i % closure.paths.length] ?? '', link);
      const time = Date.now() / 1000 - days * 24 * 3600 - 60;
      lutimesSync(link, time, time);
    }
  };
  const prepareEach = async (home: NixHome, closure: SmallClosure): Promise<void> => {
    const state = 'root/nix/var/nix/profiles';
    addProfile(home, `${state}/profile`, closure, [40, 30, 20, 10, 1]);
    symlinkSync('profile-3-link', join(home.path, state, 'profile'));
    addProfile(home, `${state}/deep/er/other`, closure, [9, 5, 2]);
    symlinkSync('other-3-link', join(home.path, state, 'deep/er/other'));
    // No profiles, though they look a little like ones.
    symlinkSync('/nowhere/at-all-link', join(home.path, state, 'dangling'));
    writeFileSync(join(home.path, state, 'file-1-link'), '');
    symlinkSync(join(home.path, state, 'profile'), join(home.path, 'home/.nix-profile'));
  };
  const left = (home: NixHome): string[] =>
    readdirSync(join(stateOf(home), 'profiles'), { recursive: true })
      .map(String)
      .sort();
  for (const words of [
    '-d',
    '--delete-old --quiet',
    '--delete-older-than 25d',
    '--delete-older-than 15d',
    '--delete-older-than 3d',
    '--delete-older-than 100d',
    '-d --dry-run',
    '--delete-older-than 15d --dry-run',
    '-d --delete-older-than 15d',
    '--delete-older-than 0d',
    '--delete-older-than -1d',
    '--delete-older-than 15',
    '--delete-older-than d',
    '-d --max-freed 1',
  ]) {
    await using beside = await openBesideNix(nix('2.34'), { prepareEach });
    // The state directory of this machine is looked through, too: it is not ours to change.
    const env = { NIX_STATE_DIR: join(beside.theirs.path, 'no-state') };
    const isOk = !/ (0d|-1d|15|d)$/.test(words);
    await beside.compare('nix-collect-garbage', words, { env, stderr: isOk, by: withoutTempRoots });
    assert.deepEqual(left(beside.ours), left(beside.theirs), words);
    assert.deepEqual(entries(beside.ours), entries(beside.theirs), words);
  }
});

/** A program that uses paths in several ways: it is copied there, and waits for its end. */
async function startUser(store: string, paths: readonly string[]): Promise<ChildProcess> {
  const [cwd = '', inEnvironment = '', open = ''] = paths;
  const child = spawn('/bin/sh', ['-c', `exec 7<'${open}'; echo up; exec sleep 600`], {
    cwd,
    env: { PATH: '/usr/bin:/bin', NOTES: `nothing:${inEnvironment}/bin:${store}/short` },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout as NonNullable<typeof child.stdout>, 'data');
  return child;
}

peerTest('what running programs use is held as by Nix', { nix: ['2.34'] }, async (nix) => {
  // A store directory of its own, whose files lie where they are called: programs can use it.
  await using home = makeNixHome(nix('2.34'));
  const store = join(home.path, 'store');
  const env = {
    NIX_STORE_DIR: store,
    NIX_STATE_DIR: join(home.path, 'state'),
    NIX_LOG_DIR: join(home.path, 'log'),
    NIX_REMOTE: 'local',
  };
  const own = openNixHome(nix('2.34'), home.path, { settings: { store: 'local' }, env });
  const paths: string[] = [];
  for (const name of ['cwd', 'environment', 'open', 'unused', 'mapped']) {
    mkdirSync(join(home.path, name));
    writeFileSync(join(home.path, name, 'file'), name);
    paths.push(await own.runOk('nix-store', ['--add', join(home.path, name)]));
  }
  const [cwd = '', environment = '', open = '', unused = '', mapped = ''] = paths;
  const user = await startUser(store, [cwd, environment, join(open, 'file')]);
  try {
    const link = join(home.path, 'nix-store');
    symlinkSync(ferryBin, link);
    const roots = async (program: string): Promise<string> => {
      const { stdout } = await run(program, ['--gc', '--print-roots'], {
        cwd: home.path,
        env: { ...ferryEnv(own), ...env },
      });
      // Those of others on this machine come and go.
      const lines = stdout.split('\n').filter((line) => line.includes(`/proc/${user.pid}/`));
      return lines.sort().join('\n');
    };
    const theirs = await roots(nix('2.34').program('nix-store'));
    assert.match(theirs, /\/cwd"/);
    assert.match(theirs, /\/environ"/);
    assert.match(theirs, /\/fd\/7"/);
    assert.equal(await roots(link), theirs);
    const why = await runFerryOk(own, ['gc', '--why', environment, unused], { env });
    assert.match(why, new RegExp(`needed by process ${user.pid} \\(sleep\\): its environment: `));
    assert.match(why, /-unused: nothing needs it/);
    const { status } = await run(link, ['--gc'], { env: { ...ferryEnv(own), ...env } });
    assert.equal(status, 0);
    const left = (await own.runOk('nix-store', ['--dump-db'])).match(/^\/.*-\w+$/gm);
    assert.deepEqual(left?.sort(), [cwd, environment, open].sort());
    assert.ok(!readdirSync(store).includes(mapped.slice(store.length + 1)));
  } finally {
    user.kill('SIGKILL');
    await once(user, 'exit');
  }
});

peerTest('garbage behind a daemon', { nix: ['2.34'] }, async (nix) => {
  await using beside = await openBesideNix(nix('2.34'), { prepareEach: addRoots });
  const { theirs, ours, closure } = beside;
  await using theirDaemon = await startNixDaemon(theirs);
  await using ourDaemon = await startNixDaemon(ours);
  const withRoot = (text: string): string => sortedLines(text.replace(/\?root=\S*/g, ''));
  const compare = async (program: 'nix-store' | 'nix-collect-garbage' | 'nix', words: string) => {
    const split = words.split(' ');
    const nixSays = await theirs.run(program, [
      ...split,
      '--store',
      `unix://${theirDaemon.socket}`,
    ]);
    const link = join(ours.path, 'bin', program);
    mkdirSync(join(ours.path, 'bin'), { recursive: true });
    if (!readdirSync(join(ours.path, 'bin')).includes(program)) symlinkSync(ferryBin, link);
    const ferrySays = await run(link, [...split, '--store', `unix://${ourDaemon.socket}`], {
      cwd: ours.path,
      env: ferryEnv(ours),
    });
    const told = (home: NixHome, stdout: string): string =>
      withRoot(stdout.replaceAll(home.path, 'HOME'));
    assert.equal(told(ours, ferrySays.stdout), told(theirs, nixSays.stdout), ferrySays.stderr);
    assert.equal(ferrySays.status, nixSays.status, `${words}: ${ferrySays.stderr}`);
  };
  await compare('nix-store', '--gc --print-roots');
  await compare('nix-store', '--gc --print-live');
  await compare('nix-store', '--gc --print-dead');
  await compare('nix-store', `--delete ${closure.library}`);
  await compare('nix-store', `--delete --ignore-liveness ${closure.link}`);
  await compare('nix-collect-garbage', '--dry-run');
  await compare('nix', 'store gc --dry-run');
  const uri = `unix://${ourDaemon.socket}?root=${ours.root}`;
  const dry = await runFerryOk(ours, ['gc', '--store', uri, '--dry-run']);
  assert.match(dry, /^would delete \d+ paths, /m);
  const why = await runFerryOk(ours, ['gc', '--store', uri, '--why', closure.library]);
  assert.match(
    why,
    /-small-library: needed by .*\/result: .*-small-application -> .*-small-library$/m,
  );
  const refused = await runFerry(ours, ['delete', '--store', uri, closure.library]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /a GC root needs it/);
  const deleted = await runFerry(ours, ['delete', '--store', uri, closure.link]);
  assert.match(deleted.stderr, /^deleted 1 path, /m);
  await theirs.run('nix-store', ['--delete', closure.link]);
  await compare('nix', 'store gc --max 1');
  await compare('nix-store', '--gc');
  await requireSameLeft(beside);
});

peerTest(
  'a temporary root of a running Nix is heard of, and told',
  { nix: ['2.34'] },
  async (nix) => {
    await using beside = await openBesideNix(nix('2.34'));
    const { ours, closure } = beside;
    // It holds what it adds until it is told the end of its input.
    const adding = spawn(ours.peer.program('nix-store'), ['--serve', '--write'], {
      cwd: ours.path,
      env: ours.env,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const u64 = (value: number): Buffer => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(value));
      return bytes;
    };
    const text = Buffer.from(closure.library);
    const padded = Buffer.alloc(Math.ceil(text.length / 8) * 8);
    text.copy(padded);
    // Magic, version 2.7, QueryValidPaths with lock and without substitution of one path.
    const request = [u64(0x390c9deb), u64(0x207), u64(1), u64(1), u64(0), u64(1)];
    adding.stdin.write(Buffer.concat([...request, u64(text.length), padded]));
    const held = (): boolean => readdirSync(join(stateOf(ours), 'temproots')).length > 0;
    await waitUntil('its temporary root', held);
    try {
      const roots = await runFerryOk(ours, ['nix-store', '--gc', '--print-roots']);
      assert.ok(roots.includes(`"{temp:${adding.pid}}" -> ${closure.library}`), roots);
      const why = await runFerryOk(ours, ['gc', '--why', closure.text]);
      assert.match(why, new RegExp(`needed by process ${adding.pid} \\(\\S+\\), for as long`));
      await runFerryOk(ours, ['gc', '--option', 'keep-derivations', 'false']);
      const left = await ours.runOk('nix-store', ['-qR', closure.library]);
      assert.ok(left.includes(closure.text));
    } finally {
      adding.stdin.end();
      await once(adding, 'exit');
    }
    await runFerryOk(ours, ['gc']);
    assert.deepEqual(entries(ours), ['.links']);
  },
);
