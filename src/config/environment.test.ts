import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { logDirOf, readEnvironment, stateDirOf, storeDirOf } from './environment.ts';

test('directories follow the XDG specification, and Nix has variables of its own', () => {
  const env = readEnvironment({ HOME: '/none' });
  assert.deepEqual(
    [env.nixConfigHome, env.nixDataHome, env.nixCacheHome, env.nixStateHome],
    ['/none/.config/nix', '/none/.local/share/nix', '/none/.cache/nix', '/none/.local/state/nix'],
  );
  const moved = readEnvironment({ HOME: '/none', XDG_CACHE_HOME: '/c', NIX_STATE_HOME: '/s' });
  assert.deepEqual([moved.nixCacheHome, moved.nixStateHome], ['/c/nix', '/s']);
  assert.equal(readEnvironment({ HOME: '/none', XDG_CACHE_HOME: 'c' }).cacheHome, '/none/.cache');
  assert.equal(readEnvironment({ NIX_CONF_DIR: '' }).confDir, '/etc/nix');
});

test('without HOME it is that of the user database', () => {
  assert.equal(readEnvironment({}).home, homedir());
  assert.equal(readEnvironment({ HOME: '' }).home, homedir());
});

test("somebody else's HOME is not ours", { skip: process.geteuid?.() !== 0 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'ferry-home-'));
  try {
    assert.equal(readEnvironment({ HOME: dir }).home, dir);
    chownSync(dir, 65534, 65534);
    assert.equal(readEnvironment({ HOME: dir }).home, userInfo().homedir);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('the store directory must be absolute', () => {
  assert.equal(storeDirOf(readEnvironment({})), '/nix/store');
  assert.equal(storeDirOf(readEnvironment({ NIX_STORE: '/a/', NIX_STORE_DIR: '/b' })), '/b');
  assert.equal(storeDirOf(readEnvironment({ NIX_STORE_DIR: '' })), '/nix/store');
  assert.throws(() => storeDirOf(readEnvironment({ NIX_STORE_DIR: 'a' })), { code: 'usage' });
});

test('a directory is never below the one that we happen to be started in', () => {
  const env = readEnvironment({ NIX_STATE_DIR: 'var', NIX_LOG_DIR: './log' });
  assert.throws(() => stateDirOf(env), {
    code: 'usage',
    message: 'NIX_STATE_DIR is "var", not an absolute path',
  });
  assert.throws(() => logDirOf(env), { code: 'usage' });
  const empty = readEnvironment({ NIX_STATE_DIR: '', NIX_LOG_DIR: '' });
  assert.deepEqual([stateDirOf(empty), logDirOf(empty)], ['/nix/var/nix', '/nix/var/log/nix']);
});
