import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { readEnvironment, type Environment } from './environment.ts';
import { setOverride } from './overrides.ts';
import { loadSettings } from './settings.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ferry-settings-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function write(file: string, text: string): void {
  mkdirSync(join(dir, file, '..'), { recursive: true });
  writeFileSync(join(dir, file), text);
}

function environment(more: Record<string, string> = {}): Environment {
  return readEnvironment({
    HOME: join(dir, 'home'),
    NIX_CONF_DIR: join(dir, 'etc'),
    XDG_CONFIG_DIRS: join(dir, 'xdg'),
    ...more,
  });
}

test('without files the defaults of Nix hold', () => {
  const settings = loadSettings(environment());
  assert.equal(settings.requireSigs, true);
  assert.equal(settings.store, 'auto');
  assert.equal(settings.trustedPublicKeys.length, 1);
  assert.deepEqual(settings.sources, []);
});

test('later places win: system, user, NIX_CONFIG, command line', () => {
  write(
    'etc/nix.conf',
    'store = a # the system\nrequire-sigs = false\nsubstituters =\nunknown-to-us = x',
  );
  assert.equal(loadSettings(environment()).store, 'a');
  assert.deepEqual(loadSettings(environment()).substituters, []);
  write('xdg/nix/nix.conf', 'store = b');
  assert.equal(loadSettings(environment()).store, 'b');
  write('home/.config/nix/nix.conf', 'store = c');
  assert.equal(loadSettings(environment()).store, 'c');
  assert.equal(loadSettings(environment({ NIX_USER_CONF_FILES: '' })).store, 'a');
  const withConfig = environment({ NIX_CONFIG: 'store = d\nrequire-sigs = yes' });
  assert.equal(loadSettings(withConfig).store, 'd');
  assert.equal(loadSettings(withConfig).requireSigs, true);
  assert.equal(loadSettings(withConfig, new Map([['store', 'e']])).store, 'e');
});

test('extra- appends, aliases count, sizes have suffixes', () => {
  write(
    'etc/nix.conf',
    'extra-trusted-public-keys = k:1 k:2\nbinary-caches = https://a\ngc-reserved-space = 2M',
  );
  const settings = loadSettings(environment());
  assert.deepEqual(settings.trustedPublicKeys.slice(1), ['k:1', 'k:2']);
  assert.deepEqual(settings.substituters, ['https://a']);
  assert.equal(settings.gcReservedSpace, 2 << 20);
});

test('what is wrong says file, line and what was expected', () => {
  write('etc/nix.conf', '\nstore=a');
  assert.throws(() => loadSettings(environment()), {
    code: 'usage',
    message: /nix\.conf:2: "store=…"/,
  });
  write('etc/nix.conf', 'require-sigs = maybe');
  assert.throws(() => loadSettings(environment()), {
    code: 'usage',
    message: /require-sigs is "maybe" \(.*nix\.conf:1\), not true or false/,
  });
  write('etc/nix.conf', 'min-free = 1 K');
  // Also where something later would win, as in Nix.
  assert.throws(() => loadSettings(environment({ NIX_CONFIG: 'min-free = 1' })), { code: 'usage' });
});

test('an empty or relative variable never makes the working directory a place for settings', () => {
  write('nix/nix.conf', 'store = here');
  write('nix.conf', 'store = here');
  const before = process.cwd();
  process.chdir(dir);
  try {
    for (const name of ['XDG_CONFIG_HOME', 'NIX_CONFIG_HOME', 'XDG_CONFIG_DIRS']) {
      for (const value of ['', '.', 'nix']) {
        assert.equal(
          loadSettings(environment({ [name]: value })).store,
          'auto',
          `${name}=${value}`,
        );
      }
    }
    assert.throws(() => loadSettings(environment({ NIX_CONF_DIR: '.' })), {
      code: 'usage',
      message: 'NIX_CONF_DIR is ".", not an absolute path',
    });
  } finally {
    process.chdir(before);
  }
});

test('NIX_CONFIG_HOME stands for the whole directory, and user files replace all others', () => {
  write('home/.config/nix/nix.conf', 'store = usual');
  write('own/nix.conf', 'store = own');
  write('xdg/nix/nix.conf', 'store = shared\nextra-substituters = https://shared');
  const own = loadSettings(environment({ NIX_CONFIG_HOME: join(dir, 'own') }));
  assert.equal(own.store, 'own');
  assert.deepEqual(own.substituters, ['https://cache.nixos.org/', 'https://shared']);
  const files = `${dir}/own/nix.conf::${dir}/none:${dir}/xdg/nix/nix.conf`;
  const named = loadSettings(environment({ NIX_USER_CONF_FILES: files }));
  assert.equal(named.store, 'own', 'the first file wins');
  assert.deepEqual(named.sources, [`${dir}/xdg/nix/nix.conf`, `${dir}/own/nix.conf`]);
});

test('NIX_REMOTE counts where nothing else says which store', () => {
  assert.equal(loadSettings(environment({ NIX_REMOTE: 'daemon' })).store, 'daemon');
  assert.equal(loadSettings(environment({ NIX_REMOTE: '' })).store, 'auto');
  write('etc/nix.conf', 'store = a');
  assert.equal(loadSettings(environment({ NIX_REMOTE: 'daemon' })).store, 'a');
});

test('what is set knows where, what is not set has no place', () => {
  write('etc/nix.conf', 'substituters = https://a\nextra-substituters = https://b');
  const { origins } = loadSettings(
    environment({ NIX_CONFIG: '\nextra-substituters = https://c' }),
    [['http2', 'no']],
  );
  const conf = join(dir, 'etc/nix.conf');
  assert.deepEqual(origins.get('substituters'), [`${conf}:1`, `${conf}:2`, 'NIX_CONFIG:2']);
  assert.deepEqual(origins.get('http2'), ['the command line']);
  assert.equal(origins.get('store'), undefined);
  const again = loadSettings(environment({ NIX_CONFIG: 'substituters = https://d' }));
  assert.deepEqual(
    again.origins.get('substituters'),
    ['NIX_CONFIG:1'],
    'what was replaced is gone',
  );
});

test('a daemon is told what the user set, whole and by its name of today', () => {
  write('etc/nix.conf', 'binary-caches = https://a\ncores = 4\nfallback = true');
  write(
    'home/.config/nix/nix.conf',
    'extra-binary-caches = https://b\nextra-system-features = x\nextra-system-features = y\nbuild-timeout = 3\naccess-tokens = github.com=SECRET\nplugin-files = p',
  );
  const { overridden } = loadSettings(environment({ NIX_CONFIG: 'timeout = 4\nstore = s' }), [
    ['max-free', '9223372036854775807'],
    ['require-sigs', 'no'],
    ['fallback', 'yes'],
  ]);
  assert.deepEqual(
    [...overridden],
    [
      ['substituters', 'https://a https://b'],
      ['extra-system-features', 'x y'],
      ['build-timeout', '3'],
      ['timeout', '4'],
      ['max-free', '9223372036854775807'],
      ['require-sigs', 'false'],
      ['fallback', 'true'],
    ],
  );
  const replaced = loadSettings(environment(), [
    ['extra-sandbox-paths', 'a'],
    ['sandbox-paths', 'b'],
    ['extra-sandbox-paths', 'c'],
  ]);
  assert.equal(replaced.overridden.get('sandbox-paths'), 'b c');
  assert.equal(replaced.overridden.has('extra-sandbox-paths'), false);
});

test('a name that nobody knows is a warning, one that Nix knows is none', () => {
  write(
    'etc/nix.conf',
    'trusted-pubic-keys = x\ncores = 3\nextra-store = x\nextra-platforms = a\nextra-extra-platforms = b\nextra-cores = 3\n__proto__ = x',
  );
  const { warnings } = loadSettings(environment({ NIX_CONFIG: 'a = b' }), [['constructor', 'y']]);
  const conf = join(dir, 'etc/nix.conf');
  assert.deepEqual(warnings, [
    `unknown setting "trusted-pubic-keys" (${conf}:1)`,
    `unknown setting "extra-store" (${conf}:3)`,
    `unknown setting "extra-cores" (${conf}:6)`,
    `unknown setting "__proto__" (${conf}:7)`,
    'unknown setting "a" (NIX_CONFIG:1)',
    'unknown setting "constructor" (the command line)',
  ]);
});

test('a file that is none of ours makes no endless messages', () => {
  write('etc/nix.conf', `${'x'.repeat(100_000)} = y`);
  assert.ok((loadSettings(environment()).warnings[0] ?? '').length < 300);
  write('etc/nix.conf', `http2 = ${'x'.repeat(100_000)}`);
  assert.throws(
    () => loadSettings(environment()),
    (error: Error) => error.message.length < 300,
  );
});

test('additions on a command line add up, and come after what they add to', () => {
  const overrides = new Map<string, string>();
  setOverride(overrides, 'extra-substituters', 'https://gone');
  setOverride(overrides, 'binary-caches', 'https://b');
  setOverride(overrides, 'extra-binary-caches', 'https://a');
  setOverride(overrides, 'extra-substituters', 'https://c');
  setOverride(overrides, 'http2', 'true');
  setOverride(overrides, 'http2', 'false');
  const settings = loadSettings(environment(), overrides);
  assert.deepEqual(settings.substituters, ['https://b', 'https://a', 'https://c']);
  assert.equal(settings.http2, false);
});

test('the certificates are those of the variables, else of the system', () => {
  const file = (more: Record<string, string>): string =>
    loadSettings(environment(more)).sslCertFile;
  assert.equal(file({ NIX_SSL_CERT_FILE: '/x', SSL_CERT_FILE: '/y' }), '/x');
  assert.equal(file({ NIX_SSL_CERT_FILE: '', SSL_CERT_FILE: '/y' }), '/y');
  assert.equal(file({ NIX_SSL_CERT_FILE: '/x', NIX_CONFIG: 'ssl-cert-file = /z//.' }), '/z');
  assert.equal(file({ NIX_CONFIG: 'ssl-cert-file =' }), '');
});
