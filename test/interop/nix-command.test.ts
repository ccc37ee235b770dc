/** `nix` as ferry has it beside that of Nix 2.34: the same words on the same store give the same output and status. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ferryBin } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { run, type Finished } from '../support/run.ts';
import { makeSmallClosure, type SmallClosure } from '../support/small-closure.ts';
import { registerTrees } from '../support/store-tree.ts';

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

type RunFerry = (words: readonly string[], env?: Record<string, string>) => Promise<Finished>;

/** Ferry under the name `nix`, on a machine that has no other. */
function ferryNix(home: NixHome): RunFerry {
  const program = join(home.path, 'nix');
  symlinkSync(ferryBin, program);
  const env = { ...home.env, PATH: '/usr/bin:/bin' };
  return (words, more) => run(program, words, { cwd: home.path, env: { ...env, ...more } });
}

/** What Nix says of the paths that it would have to build, of colours nobody sees, of itself. */
function told({ status, stdout, stderr }: Finished): object {
  const lines = stderr
    .replaceAll(COLOURS, '')
    .split('\n')
    .filter((line) => !/^(don't know how|  \/nix\/store|removing stale)/.test(line))
    .join('\n');
  return { status, stdout: stdout.replaceAll(COLOURS, ''), stderr: inAnyOrder(lines) };
}

/** Nix verifies several paths at a time, and tells of them as its threads come to it. */
function inAnyOrder(lines: string): string {
  return lines.includes("checking '") ? lines.split('\n').sort().join('\n') : lines;
}

/** Errors are worded differently: that there is one, and no output, is what counts. */
function outcome({ status, stdout }: Finished): object {
  return { status, stdout: stdout.replaceAll(COLOURS, '') };
}

interface Scene extends SmallClosure {
  readonly home: NixHome;
  readonly ferry: RunFerry;
}

async function compare(
  { home, ferry }: Scene,
  calls: readonly string[],
  by: (finished: Finished) => object,
): Promise<void> {
  for (const call of calls) {
    const words = call.split(' ');
    const [theirs, ours] = [await home.run('nix', words), await ferry(words)];
    assert.deepEqual(by(ours), by(theirs), call);
  }
}

async function makeScene(home: NixHome): Promise<Scene> {
  const closure = await makeSmallClosure(home);
  writeFileSync(join(home.path, 'flat'), 'flat\n');
  mkdirSync(join(home.path, 'src'));
  writeFileSync(join(home.path, 'src/a'), 'a\n');
  return { ...closure, home, ferry: ferryNix(home) };
}

const NONE = `/nix/store/${'0'.repeat(32)}-none`;

peerTest('paths are told as Nix tells them', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const scene = await makeScene(home);
  const { application, applicationDrv, library, source, text } = scene;
  await compare(
    scene,
    [
      `path-info ${application} ${text}`,
      `path-info -r ${application}`,
      `path-info -rsSh ${application}`,
      `path-info -sS ${application} ${text}`,
      `path-info -r --sigs ${application}`,
      'path-info --all -s',
      `path-info --json ${application}`,
      `path-info --json --json-format 1 -S ${application} ${NONE}`,
      `path-info --json --json-format 2 -rS ${application} ${text}`,
      `path-info ${applicationDrv}^*`,
      `path-info ${applicationDrv}^out,dev`,
      `path-info ${applicationDrv}^dev`,
      `path-info --derivation ${application}`,
      `path-info ${NONE}`,
      `store ls ${source}`,
      `store ls -l ${source}/run`,
      `store ls -ld ${source}`,
      `store ls ${text}`,
      `store ls --json ${source}`,
      `store ls --json -R ${source}`,
      `store ls -lR ${application}`,
      `store cat ${source}/run`,
      'store verify --all',
      `store verify -r ${application}`,
      `store verify --no-trust -r ${application}`,
      `store verify --no-contents -n 1 ${source} ${application}`,
      `store verify --no-trust ${NONE} ${text}`,
      `store sign -k small-closure.secret ${source} ${application}`,
      `store sign -r ${application}`,
      `store copy-sigs ${application}`,
      'store path-from-hash-part zj722n7nsx05ps18733k1kbizk2kpb3g',
      'store path-from-hash-part 00000000000000000000000000000000',
      `why-depends ${application} ${source}`,
      `why-depends --all ${application} ${text}`,
      `why-depends --precise ${application} ${source}`,
      `why-depends --precise --all ${application} ${library}`,
      `why-depends ${library} ${application}`,
      `why-depends ${library} ${library}`,
      `store diff-closures ${library} ${application}`,
      `store dump-path ${source}`,
      'copy --to',
      'copy --frob',
      'store ls',
      'store ls a b',
    ],
    told,
  );
  const errors = [
    `path-info ${applicationDrv}^nope`,
    `store ls ${source}/nope`,
    `store ls ${NONE}`,
    'store ls /etc',
    `store cat ${source}`,
    `store cat ${source}/nope`,
    `store dump-path ${NONE}`,
    'store path-from-hash-part zz',
    'frob',
    'store frob',
    'store',
  ];
  await compare(scene, errors, outcome);
});

peerTest('files are hashed, packed and added as Nix does it', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const scene = await makeScene(home);
  const sri = 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';
  writeFileSync(
    join(home.path, 'src.nar'),
    (await home.runForBytes('nix', ['nar', 'pack', 'src'])).stdout,
  );
  const url = `file://${home.path}/flat`;
  await compare(
    scene,
    [
      'hash path src',
      'hash path --base32 src flat',
      'hash path --algo sha1 --format base16 src',
      'hash path --mode flat flat',
      'hash file flat',
      'hash file --type md5 flat flat',
      `hash convert --to base32 ${sri}`,
      `hash convert --to base16 ${sri}`,
      `hash convert --hash-algo sha256 ${sri.slice(7)}`,
      `hash convert --from base16 ${sri}`,
      `hash convert ${sri.slice(7)}`,
      `hash to-base32 --type sha256 ${sri.slice(7)}`,
      `hash to-sri ${sri}`,
      'nar ls src.nar /',
      'nar ls -lR src.nar /',
      'nar ls --json -R src.nar /',
      'nar ls --json src.nar /',
      'nar cat src.nar /a',
      'nar dump-path src',
      'store add --dry-run src',
      'store add src',
      'store add -n other src',
      'store add --mode flat flat',
      'store add --mode text flat',
      'store add --hash-algo sha1 src',
      'store add-file flat',
      'store add-path src',
      'store add src flat',
      `store prefetch-file ${url}`,
      `store prefetch-file --json --executable --name x ${url}`,
      `store prefetch-file --json --hash-type sha512 ${url}`,
      'key generate-secret',
      'config show substituters',
      'config show nope',
      'config show --json cores',
    ],
    told,
  );
  const errors = [
    'hash file src',
    'hash file nope',
    'hash path nope',
    'nar ls src.nar /x',
    'nar cat src.nar /',
  ];
  await compare(scene, [...errors, `store prefetch-file ${url}x`], outcome);
  await home.verify();
});

peerTest('closures are compared as Nix compares them', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const ferry = ferryNix(home);
  const make = (
    letter: string,
    name: string,
    size: number,
    references: string[] = [],
  ): { path: string; references: string[] } => {
    const path = `/nix/store/${letter.repeat(32)}-${name}`;
    mkdirSync(dirname(home.realPath(path)), { recursive: true });
    writeFileSync(home.realPath(path), 'x'.repeat(size) + references.join('\n'));
    return { path, references };
  };
  const before = [
    make('a', 'hello-1.0', 10),
    make('b', 'glibc-2.38-66', 20_000),
    make('c', 'glibc-2.38-66-bin', 100),
    make('d', 'gone-3', 10),
    make('f', 'plain', 10),
  ];
  const after = [
    make('g', 'hello-1.1', 10),
    make('h', 'glibc-2.38-66', 2_000_000),
    make('i', 'plain-unstable-2020', 10),
    make('j', 'python3.11-foo-1.2', 10),
    make('k', 'x-1.0-lib32', 10),
  ];
  const old = make(
    'l',
    'system-1',
    10,
    before.map(({ path }) => path),
  );
  const young = make('m', 'system-1', 10, [
    ...after.map(({ path }) => path),
    before[4]?.path ?? '',
  ]);
  await registerTrees(home, [...before, ...after, old, young]);
  const closure = await makeSmallClosure(home);
  const calls = [
    `store diff-closures ${old.path} ${young.path}`,
    `store diff-closures ${young.path} ${old.path}`,
    `store diff-closures ${old.path} ${old.path}`,
    // None of these refers to itself: then all releases agree.
    `store make-content-addressed --json ${young.path}`,
    `store make-content-addressed -r ${young.path}`,
  ];
  await compare({ ...closure, home, ferry }, calls, told);
});

peerTest(
  'a rewritten path that refers to itself is the one that Nix 2.8 makes',
  { nix: ['2.8'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.8'));
    const { application } = await makeSmallClosure(home);
    const ferry = ferryNix(home);
    const there = join(home.path, 'there');
    const ours = await ferry([
      'store',
      'make-content-addressed',
      '--json',
      application,
      '--to',
      there,
    ]);
    assert.equal(ours.status, 0, ours.stderr);
    const theirs = await home.runOk('nix', [
      'store',
      'make-content-addressed',
      '--json',
      application,
    ]);
    const parsed = JSON.parse(theirs) as { rewrites: Record<string, string> };
    assert.deepEqual(JSON.parse(ours.stdout), parsed);
    await home.runOk('nix-store', ['--store', there, '--verify', '--check-contents']);
    // Content-addressed: no signature is needed.
    const [rewritten = ''] = Object.values(parsed.rewrites);
    const third = `local?root=${join(home.path, 'third')}`;
    await home.runOk('nix', ['copy', '--from', there, '--to', third, rewritten]);
  },
);

peerTest('copies make the same stores, profiles and links', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const scene = await makeScene(home);
  const { ferry, application, applicationDrv, library, development } = scene;
  const copies: string[][] = [
    ['--no-check-sigs', application],
    [application, '--no-check-sigs'],
    ['--no-check-sigs', '--no-recursive', library],
    ['--derivation', application],
    ['--no-check-sigs', `${applicationDrv}^out,dev`, library, '-o', 'WHO/link'],
    ['--no-check-sigs', library, '--profile', 'WHO/profile'],
    ['--no-check-sigs', development, '--profile', 'WHO/profile'],
    ['--no-check-sigs', development, '--profile', 'WHO/profile'],
    ['--all', '--no-check-sigs'],
    ['--no-check-sigs', `${applicationDrv}^*`, '-o', 'WHO/link', '--profile', 'WHO/none'],
    ['--stdin', '--no-check-sigs'],
    ['--all', application],
    [NONE],
    [library],
  ];
  const told = async (who: string, program: RunFerry): Promise<unknown[]> => {
    mkdirSync(join(home.path, who));
    const results: unknown[] = [];
    for (const words of copies) {
      const mine = words.map((word) => word.replace('WHO', who));
      const { status, stdout, stderr } = await program([
        'copy',
        '--to',
        join(home.path, who, 'root'),
        ...mine,
      ]);
      // Both copy several at a time: in which order they begin with such as don't refer to each other is chance.
      const lines = stderr
        .match(/^copying .*$/gm)
        ?.map((line) => line.replace(/ (to|from) '.*$/, ''))
        .sort();
      // What can't be copied is refused here before anything is, there in the middle.
      results.push(status === 0 ? { words, stdout, lines } : { words, status });
    }
    for (const name of [
      'profile',
      'profile-1-link',
      'profile-2-link',
      'link',
      'link-dev',
      'link-1',
    ]) {
      const target = await run('readlink', [join(home.path, who, name)], {});
      results.push({ name, target: target.stdout });
    }
    const paths = await home.runOk('nix', [
      'path-info',
      '--all',
      '--sigs',
      '--store',
      join(home.path, who, 'root'),
    ]);
    await home.runOk('nix-store', [
      '--store',
      join(home.path, who, 'root'),
      '--verify',
      '--check-contents',
    ]);
    return [...results, paths];
  };
  const theirs = await told('theirs', (words) => home.run('nix', words));
  assert.deepEqual(await told('ours', ferry), theirs);
});

peerTest(
  'what is no path is evaluated by the Nix that is installed',
  { nix: ['2.34', '2.26', '2.8'] },
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    const { ferry, application, development, libraryDrv, library } = await makeScene(home);
    writeFileSync(
      join(home.path, 'small.nix'),
      `let
      drv = args: derivation ({ system = "x86_64-linux"; builder = "/bin/sh"; } // args);
      source = builtins.path { path = ./small-source; name = "small-source"; };
      text = builtins.toFile "small-text" "a text that stands alone\\n";
      library = drv { name = "small-library"; inherit source text; };
      application = drv { name = "small-application"; outputs = [ "out" "dev" ]; inherit library; };
    in { inherit library application; }`,
    );
    for (const version of ['2.34', '2.26', '2.8'] as const) {
      const withNix = { PATH: `${nix(version).binDir}:/usr/bin:/bin` };
      const ask = async (...words: string[]): Promise<string> => {
        const { status, stdout, stderr } = await ferry(words, withNix);
        assert.equal(status, 0, `${version}: ${words.join(' ')}: ${stderr}`);
        return stdout;
      };
      assert.equal(await ask('path-info', '-f', 'small.nix', 'library'), `${library}\n`);
      assert.equal(
        await ask('path-info', '--derivation', '-f', 'small.nix', 'library'),
        `${libraryDrv}\n`,
      );
      const there = join(home.path, `to-${version}`);
      await ask(
        'copy',
        '--no-check-sigs',
        '--to',
        there,
        '-f',
        'small.nix',
        'application',
        '-o',
        `link-${version}`,
      );
      assert.match(await ask('path-info', '--store', there, application), /small-application/);
      if (version !== '2.8') {
        assert.equal(
          await ask('path-info', '-f', 'small.nix', 'application^dev'),
          `${development}\n`,
        );
      }
      const failed = await ferry(['path-info', '-f', 'small.nix', 'nope'], withNix);
      assert.equal(failed.status, 1);
      assert.match(
        failed.stderr,
        /attribute 'nope' in selection path 'nope' not found/,
        'Nix itself is heard',
      );
      assert.match(failed.stderr, /^error: "nope" must be evaluated, and ".*\/nix" failed$/m);
    }
    // A machine that has nix-build alone, as before Nix 2.4.
    const only = join(home.path, 'only');
    mkdirSync(only);
    for (const name of ['nix-build', 'nix-instantiate'] as const) {
      symlinkSync(nix('2.34').program(name), join(only, name));
    }
    const old = await ferry(['path-info', '-f', 'small.nix', 'library'], {
      PATH: `${only}:/usr/bin:/bin`,
    });
    assert.equal(old.stdout, `${library}\n`);
    const without = await ferry(['copy', '--to', './x', 'nixpkgs#hello']);
    assert.equal(without.status, 1);
    assert.match(
      without.stderr,
      /^error: "nixpkgs#hello" must be evaluated, and there is no Nix on this machine\nhint: name a store path/,
    );
  },
);

peerTest('paths are deleted as Nix deletes them', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const { ferry, application, applicationDrv, development, library, link, source, text } =
    await makeScene(home);
  const roots = join(home.root, 'nix/var/nix/gcroots');
  mkdirSync(join(roots, 'auto'), { recursive: true });
  symlinkSync(`${text}/below`, join(roots, 'direct'));
  symlinkSync(development, join(home.path, 'result'));
  symlinkSync(join(home.path, 'result'), join(roots, 'auto/indirect'));
  const calls = [
    [link],
    [link],
    [library],
    [text],
    ['--ignore-liveness', text],
    [development],
    ['-r', applicationDrv],
    ['--ignore-liveness', development],
    [application, library],
    ['--ignore-liveness', text, source],
    ['--all'],
  ];
  const told = async (who: string, program: RunFerry): Promise<unknown[]> => {
    const root = join(home.path, who);
    cpSync(home.root, root, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    const store = `local?root=${root}`;
    const results: unknown[] = [];
    for (const words of calls) {
      const { status, stdout, stderr } = await program([
        'store',
        'delete',
        '--store',
        store,
        ...words,
      ]);
      const lines = stderr
        .split('\n')
        .filter((line) => /^(deleting|error: Cannot|finding|note)/.test(line));
      results.push({ words, status, stdout, lines });
    }
    await home.runOk('nix-store', ['--store', store, '--verify', '--check-contents']);
    const left = await run('ls', ['-A', join(root, 'nix/store')], {});
    return [...results, left.stdout];
  };
  const theirs = await told('theirs', (words) => home.run('nix', words));
  assert.deepEqual(await told('ours', ferry), theirs);
});

peerTest('caches are told of as Nix tells of them', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const scene = await makeScene(home);
  const { ferry, application, libraryDrv, library, source, publicKey } = scene;
  const cache = `file://${join(home.path, 'cache')}`;
  const log = join(home.root, 'nix/var/log/nix/drvs', libraryDrv.slice(11, 13));
  mkdirSync(log, { recursive: true });
  writeFileSync(join(log, libraryDrv.slice(13)), 'the log\n');
  await home.runOk('nix', [
    'copy',
    '--all',
    '--to',
    `${cache}?compression=zstd&write-nar-listing=true`,
  ]);
  const calls = [
    `path-info -rsS ${application} --store ${cache}`,
    `path-info -r --json --json-format 1 -S ${application} --store ${cache}`,
    `path-info -r --json --json-format 2 -S ${application} --store ${cache}`,
    `store ls -lR --store ${cache} ${source}`,
    `store ls --json -R --store ${cache} ${source}`,
    `store cat --store ${cache} ${source}/run`,
    `store info --store ${cache}`,
    `store info --json --store ${cache}`,
    `store verify --no-trust -r ${application} --store ${cache}`,
    `store verify -r ${application} --store ${cache} --option trusted-public-keys ${publicKey}`,
    `store verify ${application} -s ${cache} --trusted-public-keys ${publicKey}`,
    `store dump-path ${source} --store ${cache}`,
    `store copy-sigs -s ${cache} ${application}`,
    `why-depends --precise --store ${cache} ${application} ${source}`,
    `store copy-log --to ${cache} ${library}`,
    `log --store ${cache} ${libraryDrv}`,
    `log --store ${cache} ${source}`,
  ];
  await compare(scene, calls, told);
  const key = await ferry(['key', 'generate-secret', '--key-name', 'x-1']);
  writeFileSync(join(home.path, 'key'), key.stdout, { mode: 0o600 });
  const text = readFileSync(join(home.path, 'key'), 'utf8');
  const convert = ['key', 'convert-secret-to-public'];
  const theirs = await home.runOk('nix', convert, { input: text });
  const ours = await run(join(home.path, 'nix'), convert, {
    cwd: home.path,
    env: home.env,
    input: text,
  });
  assert.equal(ours.stdout, theirs);
});
