import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultStoreDir, type StoreDir } from '../../format/store-path.ts';
import { locateStore } from './locations.ts';

const DEFAULTS = {
  storeDir: defaultStoreDir,
  stateDir: '/nix/var/nix',
  logDir: '/nix/var/log/nix',
};

test('without parameters a store lies where the machine has its own', () => {
  assert.deepEqual(locateStore({}, DEFAULTS), {
    ...DEFAULTS,
    realDir: '/nix/store',
    uri: 'local',
  });
});

test('a root moves everything but the names of paths', () => {
  assert.deepEqual(locateStore({ root: '/tmp/x/' }, DEFAULTS), {
    storeDir: '/nix/store',
    realDir: '/tmp/x/nix/store',
    stateDir: '/tmp/x/nix/var/nix',
    logDir: '/tmp/x/nix/var/log/nix',
    uri: '/tmp/x',
  });
});

test('each directory can be named by itself', () => {
  const located = locateStore(
    { root: '/r', store: '/gnu/store/', real: '/data/s', state: '/data/a&b', log: '/data/l' },
    DEFAULTS,
  );
  assert.deepEqual(located, {
    storeDir: '/gnu/store' as StoreDir,
    realDir: '/data/s',
    stateDir: '/data/a&b',
    logDir: '/data/l',
    uri: 'local?root=/r&store=/gnu/store/&real=/data/s&state=/data/a%26b&log=/data/l',
  });
});

test('another store directory is also where it lies, unless there is a root', () => {
  assert.equal(locateStore({ store: '/s' }, DEFAULTS).realDir, '/s');
  assert.equal(locateStore({ store: '/s', root: '/r' }, DEFAULTS).realDir, '/r/nix/store');
});

test('a store directory that is not absolute is refused', () => {
  assert.throws(() => locateStore({ store: 'nix/store' }, DEFAULTS), { code: 'usage' });
});
