/** Settings beside real Nix: the same files, variables and options give the same values, warnings and failures. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { showSettings } from '../../src/config/show-settings.ts';
import { loadSettings } from '../../src/config/settings.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { runFerry, runFerryOk } from '../support/ferry-program.ts';
import { makeNixHome, type NixHome } from '../support/nix-home.ts';
import { peerTest } from '../support/peers.ts';
import type { Finished } from '../support/run.ts';

type Values = Record<string, unknown>;

interface Case {
  readonly name: string;
  /** By path below the home. */
  readonly files?: Readonly<Record<string, string>>;
  /** `$HOME` stands for the home's directory. */
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: readonly (readonly [string, string])[];
}

const CONF = 'conf/nix.conf';
const FEATURES = 'experimental-features = nix-command\n';

/** Of 32 bytes. */
const key = `${'A'.repeat(43)}=`;

/** What both take, and must take in the same way. */
const cases: readonly Case[] = [
  { name: 'nothing' },
  {
    name: 'lists, sets, additions and aliases',
    files: {
      [CONF]: `binary-caches = https://a https://b https://a
extra-substituters = https://c # and no more
extra-binary-caches = https://d
trusted-substituters = https://z https://a https://z
extra-trusted-substituters = https://m
ignored-acls = user.z user.a
extra-ignored-acls = user.m user.a
trusted-users = bob @wheel alice bob
secret-key-files = ./relative /absolute
binary-cache-public-keys = a:${key}
extra-trusted-public-keys = b:${key}
extra-trusted-public-keys = b:${key} c:${key}
`,
    },
  },
  {
    name: 'numbers, switches and texts',
    files: {
      [CONF]: `min-free = 10G
max-free = 010
gc-reserved-space = +5k
narinfo-cache-negative-ttl = 1M
http-connections = 0
require-sigs = no
fsync-metadata = 0
auto-optimise-store = 1
use-sqlite-wal = yes
user-agent-suffix = one   two\tthree
post-build-hook = ./hook with words
build-users-group =
ssl-cert-file = /a//b/./../c/
netrc-file = /x/../y
`,
    },
  },
  {
    name: 'odd white space and ends of lines',
    files: {
      [CONF]:
        'connect-timeout = 3\r\n\r\n  \thttp2\t=\tfalse  \n# fallback = true\n#\nuser-agent-suffix =\n\n fallback = true#x',
    },
  },
  {
    name: 'includes, relative and missing',
    files: {
      [CONF]: 'include sub/one.conf\n!include none.conf\nconnect-timeout = 9\ninclude sub/one.conf',
      'conf/sub/one.conf': 'connect-timeout = 1\n!include ../two.conf\ndownload-attempts = 7',
      'conf/two.conf': 'download-attempts = 8\nextra-substituters = https://two',
    },
  },
  {
    name: 'user files: home before shared directories, each before the system',
    files: {
      [CONF]: 'connect-timeout = 1\ndownload-attempts = 1\nhttp-connections = 1\nmin-free = 1',
      'home/.config/nix/nix.conf': 'connect-timeout = 2\nextra-substituters = https://home',
      'xdg1/nix/nix.conf':
        'connect-timeout = 3\ndownload-attempts = 3\nextra-substituters = https://x1',
      'xdg2/nix/nix.conf': 'connect-timeout = 4\nhttp-connections = 4\ndownload-attempts = 4',
    },
    env: { XDG_CONFIG_DIRS: '$HOME/xdg1:$HOME/xdg2' },
  },
  {
    name: 'NIX_CONFIG_HOME for the home directory of the configuration',
    files: {
      'home/.config/nix/nix.conf': 'connect-timeout = 2',
      'own/nix.conf': 'connect-timeout = 3',
      'xdg/nix/nix.conf': 'connect-timeout = 4\nhttp-connections = 4',
    },
    env: { XDG_CONFIG_DIRS: '$HOME/xdg', NIX_CONFIG_HOME: '$HOME/own' },
  },
  {
    name: 'NIX_USER_CONF_FILES, the first file last',
    files: {
      'home/.config/nix/nix.conf': 'connect-timeout = 2',
      'a.conf': 'connect-timeout = 5\nextra-substituters = https://a',
      'b.conf': 'connect-timeout = 6\nextra-substituters = https://b',
    },
    env: { NIX_USER_CONF_FILES: '$HOME/a.conf:$HOME/none.conf:$HOME/b.conf' },
  },
  {
    name: 'NIX_CONFIG, then options, which add up',
    files: { [CONF]: 'substituters = https://conf\nrequire-sigs = true' },
    env: { NIX_CONFIG: 'extra-substituters = https://env\nrequire-sigs = false\nmin-free = 3' },
    options: [
      ['extra-substituters', 'https://option'],
      ['min-free', '4K'],
      ['binary-caches', 'https://new https://newer'],
      ['extra-substituters', 'https://last'],
    ],
  },
  { name: 'a store by NIX_REMOTE', env: { NIX_REMOTE: 'daemon' } },
  {
    name: 'a store by nix.conf, whatever NIX_REMOTE says',
    files: { [CONF]: 'store = local:///nix-conf' },
    env: { NIX_REMOTE: 'daemon' },
  },
  {
    name: 'names that nobody knows',
    files: { [CONF]: 'no-such-setting = 1\nextra-store = 1\nextra-none = 2' },
    env: { NIX_CONFIG: 'neither-this = x' },
    options: [['nor-that', 'y']],
  },
  { name: 'a store that may be reached through links', env: { NIX_IGNORE_SYMLINK_STORE: '1' } },
  { name: 'features', files: { [CONF]: 'extra-experimental-features = flakes ca-derivations' } },
  { name: 'certificates by their variable', env: { NIX_SSL_CERT_FILE: '/some/where' } },
];

peerTest('the same configuration has the same values', { nix: ['2.34'] }, async (nix, context) => {
  for (const one of cases) {
    await context.test(one.name, async () => {
      await using home = makeNixHome(nix('2.34'));
      const { theirs, ours } = await showBoth(home, one);
      assert.equal(theirs.status, 0, theirs.stderr);
      assert.equal(ours.status, 0, ours.stderr);
      assert.deepEqual(common(ours, theirs), common(theirs, ours));
      assert.deepEqual(unknownIn(ours), unknownIn(theirs));
    });
  }
});

peerTest('what one refuses the other refuses', { nix: ['2.34'] }, async (nix, context) => {
  const texts = [
    'a=b',
    'store',
    'store a',
    'require-sigs = TRUE',
    'require-sigs =',
    'require-sigs = no no',
    'min-free =',
    'min-free = -1',
    'min-free = 1.5G',
    'min-free = 0x10',
    'min-free = 1 K',
    'min-free = 1KB',
    'min-free = 99999999999999999999',
    'http-connections = -1',
    'netrc-file = relative',
    'netrc-file =',
    'include none.conf',
    'include nix.conf',
    'include',
    'include a b',
    // These are all right.
    '!include none.conf',
    'include /dev/null',
    'secret-key-files = none',
    'trusted-public-keys = nonsense',
    'substituters =',
    'build-users-group = none at all',
  ];
  for (const text of texts) {
    await context.test(text, async () => {
      await using home = makeNixHome(nix('2.34'));
      const { theirs, ours } = await showBoth(home, { name: '', files: { [CONF]: text } });
      assert.equal(ours.status === 0, theirs.status === 0, `${ours.stderr}\n${theirs.stderr}`);
    });
  }
});

peerTest('what one prints the other reads', { nix: ['2.34'] }, async (nix) => {
  const one = cases.find(({ name }) => name.startsWith('lists'));
  assert.ok(one !== undefined);
  await using home = makeNixHome(nix('2.34'));
  writeFiles(home, one);
  const nixShow = ['config', 'show'];
  const ours = await runFerryOk(home, ['config', 'show'], { env: environmentOf(home, one) });
  const theirs = await home.runOk('nix', nixShow, { env: environmentOf(home, one) });
  await using copy = makeNixHome(nix('2.34'));
  // What Nix 2.34 doesn't have would be a warning.
  const known = ours.replace(/^filetransfer-.*\n/gm, '').replace(/^experimental-features.*\n/m, '');
  writeFileSync(join(copy.path, CONF), FEATURES + known);
  const again = await copy.run('nix', nixShow);
  assert.doesNotMatch(again.stderr, /warning/);
  assert.deepEqual(
    linesOf(again.stdout)
      .filter((line) => known.includes(line))
      .sort(),
    linesOf(theirs)
      .filter((line) => known.includes(line))
      .sort(),
  );
  assert.ok(linesOf(again.stdout).length > 40);
  // Of the printed text, `path:` and the like are for those whose kinds ferry does not know; it keeps out of them.
  writeFileSync(join(copy.path, CONF), theirs);
  const read = await runFerry(copy, ['config', 'show']);
  assert.equal(read.stderr, '');
  const plain = (text: string): string[] =>
    linesOf(text).map((line) => line.replace(/ {2}#.*/, ''));
  assert.deepEqual(
    plain(read.stdout).filter((line) => !line.startsWith('netrc-file')),
    plain(ours).filter((line) => !line.startsWith('netrc-file')),
  );
});

peerTest(
  "under somebody else's HOME both go by the user database",
  { nix: ['2.34'] },
  async (nix, context) => {
    if (process.geteuid?.() !== 0) {
      context.skip('only root can give a directory away');
      return;
    }
    await using home = makeNixHome(nix('2.34'));
    const one: Case = {
      name: '',
      files: { 'home/.config/nix/nix.conf': 'connect-timeout = 77' },
      env: { XDG_CONFIG_DIRS: '$HOME/none' },
    };
    const before = await showBoth(home, one);
    assert.equal(valuesOf(before.ours)['connect-timeout'], 77);
    chownSync(join(home.path, 'home'), 65534, 65534);
    const { ours, theirs } = await showBoth(home, one);
    assert.notEqual(valuesOf(ours)['connect-timeout'], 77);
    assert.equal(valuesOf(ours)['connect-timeout'], valuesOf(theirs)['connect-timeout']);
  },
);

peerTest('defaults are those of Nix', { nix: ['2.34'] }, async (nix) => {
  await using home = makeNixHome(nix('2.34'));
  const { theirs } = await showBoth(home, { name: '' });
  const env = readEnvironment({ ...home.env });
  const shown = showSettings(loadSettings(env), env);
  const parsed = JSON.parse(theirs.stdout) as Record<
    string,
    { defaultValue: unknown; aliases: string[] }
  >;
  for (const { name, defaultJson, aliases } of shown) {
    const their = parsed[name];
    // Newer than 2.34, or different for root, which Nix doesn't count as its default.
    if (their === undefined || name === 'build-users-group') continue;
    assert.deepEqual(JSON.parse(JSON.stringify(defaultJson)), their.defaultValue, name);
    assert.deepEqual(
      aliases.filter((alias) => !alias.startsWith('filetransfer')),
      their.aliases,
      name,
    );
  }
  assert.ok(shown.filter(({ name }) => name in parsed).length > 40);
});

async function showBoth(
  home: NixHome,
  one: Case,
): Promise<{ readonly theirs: Finished; readonly ours: Finished }> {
  writeFiles(home, one);
  const env = environmentOf(home, one);
  const options = (one.options ?? []).flatMap((pair) => ['--option', ...pair]);
  const [theirs, ours] = await Promise.all([
    home.run('nix', ['config', 'show', '--json', ...options], { env }),
    runFerry(home, ['config', 'show', '--json', ...options], { env }),
  ]);
  return { theirs, ours };
}

function writeFiles(home: NixHome, { files = {} }: Case): void {
  for (const [name, text] of Object.entries({ [CONF]: '', ...files })) {
    const path = join(home.path, name);
    mkdirSync(dirname(path), { recursive: true });
    // Without it Nix shows nothing; a line of its own, since the file may end anywhere.
    writeFileSync(path, name === CONF ? FEATURES + text : text);
  }
}

function environmentOf(home: NixHome, { env = {} }: Case): Record<string, string> {
  const entries = Object.entries(env).map(([name, value]): [string, string] => [
    name,
    value.replaceAll('$HOME', home.path),
  ]);
  // Where the case names no files, those of the home count; a home of tests has none otherwise.
  const hasFiles = env['NIX_USER_CONF_FILES'] !== undefined;
  const noFiles = { NIX_USER_CONF_FILES: env['XDG_CONFIG_DIRS'] === undefined ? '' : undefined };
  return Object.fromEntries([...(hasFiles ? [] : Object.entries(noFiles)), ...entries]) as Record<
    string,
    string
  >;
}

function valuesOf({ stdout }: Finished): Values {
  const parsed = JSON.parse(stdout) as { settings?: Record<string, { value: unknown }> };
  const settings = parsed.settings ?? (parsed as Record<string, { value: unknown }>);
  // Nix sorts features by their number.
  const plain = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(String).sort() : value;
  const isSet = (name: string): boolean => name === 'experimental-features';
  return Object.fromEntries(
    Object.entries(settings).map(([name, { value }]) => [name, isSet(name) ? plain(value) : value]),
  );
}

/** The settings of one that the other has too. */
function common(one: Finished, other: Finished): Values {
  const others = valuesOf(other);
  return Object.fromEntries(Object.entries(valuesOf(one)).filter(([name]) => name in others));
}

function unknownIn({ stderr }: Finished): string[] {
  const found = stderr.matchAll(/unknown setting ['"]([^'"]*)['"]/g);
  return [...new Set([...found].map(([, name]) => name ?? ''))].sort();
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
