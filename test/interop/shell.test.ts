/**
 * Development shells of the same derivations entered by real nix-shell and by ferry, in one store, without a network:
 * what is in them is the same, but for what `shellDifferences` lists.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after } from 'node:test';
import { insidePrograms } from '../support/inside-store.ts';
import { findNix, peerTest, type NixVersion } from '../support/peers.ts';
import type { Finished } from '../support/run.ts';
import { shellDifferences } from '../support/shell-differences.ts';
import { shellFixtureLacks } from '../support/shell-fixture.ts';
import {
  openShellsInside,
  type EnterOptions,
  type ShellsInside,
} from '../support/shells-inside.ts';

const needs = { programs: [...insidePrograms, 'bash'], lacks: shellFixtureLacks };

let opened: Promise<ShellsInside> | undefined;
const shells = (): Promise<ShellsInside> => (opened ??= openShellsInside());
after(async () => (await opened)?.[Symbol.asyncDispose]());

/** Everything that there is in a bash: variables with their types, functions, options, traps, and its environment. */
const LOOK = `declare -p; echo; declare -f; shopt -p; set +o; alias; trap; echo "$0|$-|$#|$PWD"
/usr/bin/env -0 | /usr/bin/sort -z | /usr/bin/tr '\\0' '\\n'; cat "$secondPath" "$notesPath" 2>/dev/null; cd "$NIX_BUILD_TOP"; echo .a*`;

/** Of bash itself, and of the moment. */
const VOLATILE =
  /^declare -\S+ (BASHPID|BASH_(ARGV0|ARGV|ARGC|COMMAND|LINENO|SOURCE|SUBSHELL|CMDS)|EPOCH\w+|LINENO|PPID|RANDOM|SECONDS|SRANDOM|PIPESTATUS|_)(=.*)?$/;

interface LookOptions extends EnterOptions {
  /** Beside which release: then what differs from it doesn't count. */
  readonly beside?: NixVersion;
}

/** Without the names of temporary directories, and what is known to differ. */
function comparable(text: string, { env, beside = '2.34' }: LookOptions): string[] {
  const isNamed = env?.['NIX_BUILD_SHELL'] !== '';
  const differing = shellDifferences.filter(({ when }) => {
    if (when === 'without NIX_BUILD_SHELL') return !isNamed;
    if (when === 'before 2.34') return beside !== '2.34';
    return when === 'always' || beside === '2.8';
  });
  const names = differing.map(({ name }) => name.replace('()', ' \\(\\)').replace('$', '\\$'));
  const skipped = new RegExp(`^(declare -\\S+ )?(${names.join('|')})(=.*| .*)?$`);
  // The programs of Nix are started by scripts that put their directory first.
  const peers = `${findNix(beside)?.binDir ?? ''}:`;
  const lines = text
    .replaceAll(peers, '')
    .replaceAll(/[^\s'"=:;]*\/nix-shell-[-\w]+/g, 'DIRECTORY')
    .split('\n');
  const kept: string[] = [];
  let isSkipping = false;
  for (const line of lines) {
    // A function goes on to its closing brace.
    if (isSkipping) isSkipping = line !== '}';
    else if (/ \(\) *$/.test(line) && skipped.test(line)) isSkipping = true;
    else if (!skipped.test(line) && !VOLATILE.test(line)) kept.push(line);
  }
  return kept;
}

async function compareLook(
  name: string,
  flags: readonly string[],
  options: LookOptions = {},
): Promise<string> {
  const s = await shells();
  const { beside = '2.34' } = options;
  // Releases before 2.26 had no directory of their own: what is in it is not comparable.
  const look = beside === '2.8' ? LOOK.replace(/; cd .*/, '') : LOOK;
  const words = [s.drv(name), ...flags, '--run', look];
  const [theirs, ours] = await Promise.all([
    s.enter(beside, words, options),
    s.enter('ferry', words, options),
  ]);
  const told = ({ stdout }: { stdout: string }): string[] => comparable(stdout, options);
  assert.ok(theirs.stdout.includes('NIX_BUILD_TOP'), theirs.stderr);
  assert.deepEqual(told(ours), told(theirs), ours.stderr);
  assert.deepEqual([ours.status, ours.signal], [theirs.status, theirs.signal]);
  return ours.stdout;
}

const both = (s: ShellsInside, words: readonly string[]): Promise<[Finished, Finished]> =>
  Promise.all([s.enter('2.34', words), s.enter('ferry', words)]);

for (const name of ['plain', 'structured', 'odd', 'numbers', 'bare', 'many']) {
  peerTest(`shell "${name}" is that of Nix 2.34`, { ...needs, nix: ['2.34'] }, async () => {
    for (const flags of [[], ['--pure'], ['--pure', '--keep', 'KEPT', '--keep', 'NONE']]) {
      const env = { KEPT: 'kept\n', OTHER: 'x', TZ: 'Asia/Tokyo', http_proxy: 'http://p' };
      await compareLook(name, flags, { env });
    }
    // Without a choice of bash only what follows from that differs.
    await compareLook(name, [], { env: { NIX_BUILD_SHELL: '' } });
  });

  peerTest(
    `shell "${name}" is that of Nix 2.26 and 2.8`,
    { ...needs, nix: ['2.34', '2.26', '2.8'] },
    async () => {
      await compareLook(name, [], { beside: '2.26' });
      await compareLook(name, ['--pure'], { beside: '2.26' });
      // What 2.8 writes for floating point numbers and placeholders was different then.
      if (name !== 'numbers' && name !== 'structured') {
        await compareLook(name, ['--pure'], { beside: '2.8' });
      }
    },
  );
}

peerTest(
  'the files of structured attributes are those of Nix, byte for byte',
  { ...needs, nix: ['2.34'] },
  async () => {
    const s = await shells();
    for (const name of ['structured', 'numbers']) {
      for (const variable of ['NIX_ATTRS_JSON_FILE', 'NIX_ATTRS_SH_FILE']) {
        const words = [s.drv(name), '--run', `/usr/bin/base64 "$${variable}"`];
        const [theirs, ours] = await both(s, words);
        assert.ok(ours.stdout.length > 500);
        assert.equal(ours.stdout, theirs.stdout, `${name} ${variable}`);
      }
    }
  },
);

peerTest(
  'a program in the shell runs from the store alone',
  { ...needs, nix: ['2.34'] },
  async () => {
    const s = await shells();
    const { stdout, stderr } = await s.enter('ferry', [
      s.drv('plain'),
      '--pure',
      '--run',
      'type -p hello; hello; jq -n 1+1',
    ]);
    assert.match(
      stdout,
      /^shellHook: hello from the store\n\/nix\/store\/\S+\/bin\/hello\nHello, world!\n2\n$/,
    );
    assert.equal(stderr, '');
  },
);

peerTest(
  'the exit status is that of what was run, also when a signal ended it',
  { ...needs, nix: ['2.34'] },
  async () => {
    const s = await shells();
    const commands = [
      'exit 7',
      'false',
      'true',
      'no-such-command',
      'kill -TERM $$; sleep 5',
      'exec sh -c "exit 9"',
      'return 3',
      'syntax ( error',
      'echo a # comment',
    ];
    for (const command of commands) {
      for (const flag of ['--run', '--command']) {
        const words = [s.drv('plain'), flag, command];
        const [theirs, ours] = await both(s, words);
        const told = ({ status, signal, stdout }: typeof ours): object => ({
          status,
          signal,
          stdout,
        });
        assert.deepEqual(told(ours), told(theirs), command);
      }
    }
    assert.equal((await s.enter('ferry', [s.drv('angry'), '--run', 'echo not reached'])).status, 5);
  },
);

peerTest(
  'variables that are no UTF-8 go through unchanged',
  { ...needs, nix: ['2.34'] },
  async () => {
    const s = await shells();
    const program = s.home.peer.program('nix-shell');
    const script = `export A="$(printf 'a\\377b')" B="$(printf 'C=\\303\\274')"; exec "$@" ${s.drv('bare')} --run '/usr/bin/env -0 | /usr/bin/sort -z | LC_ALL=C /usr/bin/grep -az "^[AB]=" | /usr/bin/od -c'`;
    const [theirs, ours] = [
      await s.inside(['sh', '-c', script, 'sh', program]),
      await s.inside(['sh', '-c', script, 'sh', s.dropIn]),
    ];
    assert.match(ours.stdout, /a 377\s+b/);
    assert.equal(ours.stdout, theirs.stdout);
  },
);

peerTest(
  'the temporary directory is gone when the shell is, however it ended',
  { ...needs, nix: ['2.34'] },
  async () => {
    const s = await shells();
    for (const [name, command] of [
      ['plain', 'exit 1'],
      ['plain', 'kill -TERM $$; sleep 5'],
      ['plain', 'kill -HUP $$; sleep 5'],
      // There is no rm on the PATH of this one.
      ['bare', 'unset PATH; exit 0'],
    ] as const) {
      const words = [
        s.drv(name),
        '--pure',
        '--run',
        `echo "$NIX_BUILD_TOP"; [ -d "$TMPDIR" ] || echo none; ${command}`,
      ];
      const { stdout } = await s.enter('ferry', words);
      const directory = stdout.trim().split('\n').at(-1) ?? '';
      assert.match(directory, /\/nix-shell-\w+$/);
      const { status } = await s.inside(['test', '-e', directory]);
      assert.equal(status, 1, `${command}: ${directory} is still there`);
    }
  },
);

peerTest('docs/shell.md tells of every difference', { ...needs, nix: ['2.34'] }, async () => {
  const text = readFileSync(new URL('../../docs/shell.md', import.meta.url), 'utf8');
  for (const { name } of shellDifferences) assert.ok(text.includes(`\`${name}\``), name);
});
