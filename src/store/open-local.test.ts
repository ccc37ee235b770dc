import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { readEnvironment, type Environment } from '../config/environment.ts';
import { chooseAuto } from './open-local.ts';

function environment(variables: Record<string, string>): Environment {
  return { ...readEnvironment({ HOME: '/home/nobody', ...variables }), isRoot: false };
}

test('auto is the local store for root and who may write to the state directory', () => {
  using temp = makeTempDirectory();
  const env = environment({ NIX_STATE_DIR: temp.path });
  assert.deepEqual(chooseAuto(env, new Map()), { kind: 'local' });
  const root = { ...environment({ NIX_STATE_DIR: temp.join('absent') }), isRoot: true };
  assert.deepEqual(chooseAuto(root, new Map()), { kind: 'local' });
});

test('auto is the daemon where there is its socket', () => {
  using temp = makeTempDirectory();
  const state = temp.join('absent');
  const socket = temp.join('socket');
  writeFileSync(socket, '');
  const named = environment({ NIX_STATE_DIR: state, NIX_DAEMON_SOCKET_PATH: socket });
  assert.deepEqual(chooseAuto(named, new Map()), { kind: 'daemon' });
  assert.deepEqual(chooseAuto(environment({ NIX_STATE_DIR: state }), new Map()), { kind: 'local' });
});

test('auto follows the root that a URI names', () => {
  using temp = makeTempDirectory();
  mkdirSync(temp.join('nix/var/nix'), { recursive: true });
  const env = environment({ NIX_STATE_DIR: temp.join('absent') });
  assert.deepEqual(chooseAuto(env, new Map([['root', temp.path]])), { kind: 'local' });
});
