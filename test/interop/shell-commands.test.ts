/**
 * What people and programs do with development shells: terminals, garbage collections meanwhile, missing inputs, names,
 * the drop-in with scripts and files, and the environment for a shell that runs.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ferryBin } from '../support/ferry-program.ts';
import { insidePrograms, runInside, insideEnv } from '../support/inside-store.ts';
import { makeNixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import { run } from '../support/run.ts';
import { makeShellFixture, shellFixtureLacks } from '../support/shell-fixture.ts';
import { openShellsInside, type ShellsInside } from '../support/shells-inside.ts';

const needs = {
  nix: ['2.34'],
  programs: [...insidePrograms, 'bash', 'script'],
  lacks: shellFixtureLacks,
} as const;
const terminalSteps = fileURLToPath(new URL('../support/terminal-steps.ts', import.meta.url));

let opened: Promise<ShellsInside> | undefined;
const shells = (): Promise<ShellsInside> => (opened ??= openShellsInside());
after(async () => (await opened)?.[Symbol.asyncDispose]());

peerTest('at a terminal the shell is one to work in', needs, async () => {
  const s = await shells();
  writeFileSync(
    join(s.home.path, 'home/.bashrc'),
    'echo bashrc read; alias greet="echo aliased"\n',
  );
  const prompt = '[nix-shell:';
  const steps = [
    [prompt, 'echo "flags $-" $((40+2)) "$IN_NIX_SHELL"; greet; echo at $NIX_BUILD_TOP\n'],
    ['flags himBH', ''],
    // Each says that it is there before a key is meant for it.
    [prompt, `sh -c "echo sle''eping; exec sleep 1000"\n`],
    ['sleeping', '\u0003'],
    [prompt, `echo "interrupted $?"; sh -c "echo wai''ting; exec cat"\n`],
    ['waiting', '\u001a'],
    ['Stopped', 'jobs; disown -a; exit 7\n'],
  ];
  const command = `${ferryBin} shell ${s.drv('plain')}`;
  const { status, stdout, stderr } = await s.inside(
    [process.execPath, terminalSteps, command, JSON.stringify(steps)],
    // The bash of the machine has line editing.
    { env: { NIX_BUILD_SHELL: '/bin/bash', TERM: 'dumb' } },
  );
  assert.equal(status, 7, `${stdout}\n${stderr}`);
  assert.match(stdout, /bashrc read\s+shellHook: hello from the store/);
  assert.match(stdout, /flags himBH\w* 42 impure\s+aliased/);
  const directory = /at (\/\S+nix-shell-\w+)/.exec(stdout)?.[1] ?? '';
  assert.equal((await s.inside(['test', '-e', directory])).status, 1);
});

peerTest('--command stays at a terminal where it says so, --run does not', needs, async () => {
  const s = await shells();
  const at = (flags: string, steps: readonly (readonly string[])[]): ReturnType<typeof s.inside> =>
    s.inside(
      [
        process.execPath,
        terminalSteps,
        `${ferryBin} shell --pure ${s.drv('plain')} ${flags}`,
        JSON.stringify(steps),
      ],
      { env: { NIX_BUILD_SHELL: '/bin/bash', TERM: 'dumb' } },
    );
  const stays = await at(`--command 'echo first $-; return'`, [
    ['first him', ''],
    ['[nix-shell:', 'exit 3\n'],
  ]);
  assert.equal(stays.status, 3, stays.stdout);
  const ends = await at(`--command 'echo first $-; false'`, [['first him', '']]);
  assert.equal(ends.status, 1, ends.stdout);
  const runs = await at(`--run 'echo first $-; exit 4'`, [['first hB', '']]);
  assert.equal(runs.status, 4, runs.stdout);
});

peerTest(
  'what a shell needs outlasts a collection, for as long as the shell does',
  needs,
  async () => {
    const s = await shells();
    const { home } = s;
    // Of these no variable tells: the collector can't find them in the environment of the shell.
    const hidden = (
      await s.inside([s.home.peer.program('nix-store'), '--query', '--references', s.drv('many')])
    ).stdout
      .split('\n')
      .filter((path) => path.endsWith('-builder.sh'));
    assert.equal(hidden.length, 1);
    const builder = home.realPath(hidden[0] ?? '');
    const [started, ended] = [join(home.path, 'started'), join(home.path, 'ended')];
    const words = [
      s.drv('many'),
      '--pure',
      '--run',
      `: >${started}; while [ ! -e ${ended} ]; do sleep 0.1; done`,
    ];
    const running = s.enter('ferry', words);
    try {
      for (let i = 0; !existsSync(started) && i < 600; i++) await sleep(50);
      assert.ok(existsSync(started), 'the shell does not start');
      const gc = await s.inside([home.peer.program('nix-store'), '--gc']);
      assert.equal(gc.status, 0, gc.stderr);
      assert.ok(existsSync(builder) && existsSync(home.realPath(s.drv('many'))));
      // It is no root of any other kind.
      assert.ok(!existsSync(home.realPath(s.drv('odd'))));
    } finally {
      writeFileSync(ended, '');
      assert.equal((await running).status, 0);
    }
    await s.inside([home.peer.program('nix-store'), '--gc']);
    assert.ok(!existsSync(builder));
    // Others have lost their shells by it.
    const gone = opened;
    opened = undefined;
    await (await gone)?.[Symbol.asyncDispose]();
  },
);

peerTest(
  'missing inputs are named, built by a Nix that is there, and then enough',
  needs,
  async (nix) => {
    await using home = makeNixHome(nix('2.34'));
    const fixture = await makeShellFixture(home, { build: false });
    const env = { ...insideEnv(home), PATH: '/usr/bin:/bin' };
    const enter = (path: string): ReturnType<typeof runInside> =>
      runInside(home, [ferryBin, 'shell', fixture.plainDrv, '--run', 'hello'], {
        env: { ...env, PATH: path },
      });
    const missing = await enter('/usr/bin:/bin');
    assert.equal(missing.status, 1, missing.stdout);
    assert.match(
      missing.stderr,
      /of its \d+ inputs \d+ are not there, "\/nix\/store\/.*"\nhint: .*ferry shell copy/,
    );
    const built = await enter(`${nix('2.34').binDir}:/usr/bin:/bin`);
    assert.equal(built.status, 0, built.stderr);
    assert.match(built.stdout, /Hello, world!\n$/);
    assert.equal((await enter('/usr/bin:/bin')).stdout, built.stdout);
    // Where their files aren't at /nix/store, programs can't run, and nothing is tried.
    const elsewhere = await run(
      ferryBin,
      ['shell', fixture.plainDrv, '--store', home.root, '--run', 'hello'],
      {
        cwd: home.path,
        env: { ...home.env, PATH: '/usr/bin:/bin' },
      },
    );
    assert.equal(elsewhere.status, 1);
    assert.match(elsewhere.stderr, /cannot run here.*\nhint: its files lie in /);
  },
);

peerTest('shells have names, and one alone needs none', needs, async () => {
  const s = await shells();
  const state = join(s.home.path, 'state');
  const link = (name: string, drv: string): void => {
    mkdirSync(join(state, 'ferry/shells', name), { recursive: true });
    symlinkSync(drv, join(state, 'ferry/shells', name, 'shell.drv'));
  };
  const empty = join(s.home.path, 'empty');
  mkdirSync(empty);
  const ferry = (...words: readonly string[]): ReturnType<typeof s.inside> =>
    s.inside([ferryBin, ...words], { env: { XDG_STATE_HOME: state }, cwd: empty });
  const say = ['--run', 'echo "$name"'];
  assert.match((await ferry('shell', ...say)).stderr, /no shell was copied here/);
  link('one', s.drv('many'));
  const alone = await ferry('shell', ...say);
  assert.deepEqual(
    [alone.stdout.trim(), alone.stderr],
    ['many', 'entering "one", the shell that was copied here\n'],
  );
  link('two', s.drv('bare'));
  link('list', s.drv('bare'));
  assert.match((await ferry('shell', ...say)).stderr, /which shell is meant: "list", "one", "two"/);
  assert.equal((await ferry('shell', 'two', ...say)).stdout, 'bare\n');
  // A name that is a command is meant where nothing else can be.
  assert.equal((await ferry('shell', ...say, '--', 'list')).stdout, 'bare\n');
  const listed = (await ferry('shell', 'list')).stdout;
  assert.equal(listed, `list  ${s.drv('bare')}\none   ${s.drv('many')}\ntwo   ${s.drv('bare')}\n`);
  const json = JSON.parse((await ferry('shell', 'list', '--json')).stdout) as { shells: unknown[] };
  assert.equal(json.shells.length, 3);
  // What was built of a derivation leads to it.
  const built = await ferry('shell', s.fixture.bash, ...say);
  assert.equal(built.stdout, 'bash-5.2\n');
  assert.match((await ferry('shell', 'three', ...say)).stderr, /"three" is neither/);
});

peerTest('the drop-in takes what nix-shell takes', needs, async () => {
  const s = await shells();
  const { directory } = s.fixture;
  const theirs = s.home.peer.program('nix-shell');
  const compare = async (
    words: readonly string[],
    env: Record<string, string> = {},
  ): Promise<string> => {
    const options = {
      cwd: directory,
      env: { PATH: `${s.home.peer.binDir}:/usr/bin:/bin`, ...env },
    };
    const [a, b] = await Promise.all([
      s.inside([theirs, ...words], options),
      s.inside([s.dropIn, ...words], options),
    ]);
    assert.deepEqual(
      [b.status, b.stdout],
      [a.status, a.stdout],
      `${words.join(' ')}\n${b.stderr}\n${a.stderr}`,
    );
    return b.stdout;
  };
  const say = ['--run', 'echo "$name|$GREETING|$IN_NIX_SHELL|$forShell|${KEPT-none}"'];
  assert.match(
    await compare([s.drv('bare'), '--pure', '--keep', 'KEPT', ...say], { KEPT: 'k' }),
    /\|pure\|\|k$/m,
  );
  // Which is about evaluating: it takes nothing back.
  await compare([s.drv('bare'), '--pure', '--impure', ...say], { KEPT: 'k' });
  // Evaluated by the Nix that is there.
  assert.match(await compare([...say]), /fixture-shell\|hello from the store\|impure\|1\|/);
  await compare(['shell.nix', '--argstr', 'greeting', 'other', ...say]);
  await compare(['-A', 'plain', 'shells.nix', ...say]);
  await compare(['-E', 'import ./shell.nix { greeting = "expression"; }', ...say]);
  await compare(['.', '--arg', 'inNixShell', 'false', ...say]);
  await compare(['--exclude', '.*-jq-.*', s.drv('plain'), '--run', 'echo "$name"; exit 3']);
  await compare([]);
  await compare(['--no-such-flag']);
  await compare([s.drv('bare'), s.drv('plain'), ...say]);
  const withoutNix = await s.inside([s.dropIn, '-p', 'hello', '--run', 'true']);
  assert.equal(withoutNix.status, 1);
  assert.match(withoutNix.stderr, /must be evaluated, and there is no Nix/);
});

peerTest('the drop-in is the interpreter of scripts', needs, async () => {
  const s = await shells();
  const script = (program: string): string => {
    const file = join(s.home.path, 'script');
    rmSync(file, { force: true });
    writeFileSync(
      file,
      `#! ${program}\n#! nix-shell -i bash --pure\n#! nix-shell ${s.drv('plain')}\necho "$0|$#|$1|$2|$name|$IN_NIX_SHELL|$BASH_VERSINFO"\nexit 6\n`,
    );
    chmodSync(file, 0o755);
    return file;
  };
  const told: unknown[] = [];
  for (const program of [s.home.peer.program('nix-shell'), s.dropIn]) {
    // The kernel wants a program there, and a link to a script of the shell is none.
    const { status, stdout } = await s.inside([program, script(program), 'a b', "it's"]);
    told.push([status, stdout]);
    assert.match(stdout, /\|2\|a b\|it's\|fixture-shell\|pure\|5\n$/);
  }
  assert.deepEqual(told[1], told[0]);
});

peerTest('print-env gives a bash that runs what the shell would have', needs, async () => {
  const s = await shells();
  const names =
    'name out dev buildInputs GREETING QUOTED EMPTY FROM_HOOK HELLO_HOOK words table nested numbers bytes lines hooked set mixed';
  const look = `for n in ${names}; do declare -p $n 2>/dev/null; done; declare -f addToPath hookFunction; cat "$notesPath" "$secondPath" 2>/dev/null; hello; jq -r .name "$NIX_ATTRS_JSON_FILE" 2>/dev/null`;
  const env = { PATH: '/usr/bin:/bin', LINES: 'of this one' };
  for (const name of ['plain', 'structured', 'odd', 'numbers', 'many', 'bare']) {
    const text = `$(${ferryBin} print-env ${s.drv(name)})`;
    const taking = `set -eu; eval "${text}"; set +eu; ${look}`;
    const [entered, taken] = await Promise.all([
      s.enter('ferry', [s.drv(name), '--run', look], { env }),
      s.inside([s.fixture.bash, '--norc', '-c', taking], { env }),
    ]);
    assert.equal(taken.stdout, entered.stdout, `${name}\n${taken.stderr}`);
  }
  for (const name of ['many', 'bare']) {
    const taking = `eval "$(${ferryBin} print-env ${s.drv(name)})" >/dev/null 2>&1; echo "$PATH|$HOME|$TMPDIR"`;
    const { stdout } = await s.inside([s.fixture.bash, '--norc', '-c', taking], { env });
    assert.match(stdout, /^(\/nix\/store\S+:)?\/usr\/bin:\/bin\|\S+\/home\|\S+\/tmp\n$/);
  }
  const json = await s.inside([ferryBin, 'print-env', '--json', s.drv('structured')], { env });
  const { variables } = JSON.parse(json.stdout) as { variables: Record<string, unknown> };
  assert.deepEqual(variables['words'], { type: 'array', value: ['one', 'two words', "it's", ''] });
  assert.deepEqual(variables['table'], {
    type: 'associative',
    value: { key: 'value', 'with space': 'other value' },
  });
  assert.deepEqual(variables['IN_NIX_SHELL'], { type: 'exported', value: 'impure' });
});
