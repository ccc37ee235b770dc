import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { readEnvironment, type Environment } from './environment.ts';
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

test('includes are relative to their file; only !include may be missing', () => {
  write('etc/nix.conf', 'include more/x.conf\n!include none.conf');
  write('etc/more/x.conf', 'store = included');
  assert.equal(loadSettings(environment()).store, 'included');
  write('etc/nix.conf', 'include none.conf');
  assert.throws(() => loadSettings(environment()), { code: 'usage', message: /none\.conf/ });
  write('etc/nix.conf', 'include nix.conf');
  assert.throws(() => loadSettings(environment()), { code: 'usage', message: /include itself/ });
});

test('errors say file, line and what was expected', () => {
  write('etc/nix.conf', '\nstore=a');
  assert.throws(() => loadSettings(environment()), {
    code: 'usage',
    message: /nix\.conf:2: "store=…"/,
  });
  write('etc/nix.conf', 'require-sigs = maybe');
  assert.throws(() => loadSettings(environment()), {
    code: 'usage',
    message: /require-sigs is "maybe" \(.*nix\.conf:1\)/,
  });
});
