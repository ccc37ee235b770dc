import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatCacheInfo, parseCacheInfo } from './cache-info.ts';

test('a nix-cache-info as cache.nixos.org has it', () => {
  const text = 'StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n';
  const info = { storeDir: '/nix/store', wantMassQuery: true, priority: 40 };
  assert.deepEqual(parseCacheInfo(text), info);
  assert.equal(formatCacheInfo(info), text);
});

test('the one line that Nix writes is enough', () => {
  const text = 'StoreDir: /nix/store\n';
  const info = parseCacheInfo(text);
  assert.deepEqual(info, { storeDir: '/nix/store', wantMassQuery: undefined, priority: undefined });
  assert.equal(formatCacheInfo(info), text);
});

test('white space, CRLF, unknown keys and lines without a colon are passed over', () => {
  const text = 'StoreDir:   /gnu/store \r\nhello\n\nFuture: x: y\nWantMassQuery: 0\r\nPriority:-3';
  assert.deepEqual(parseCacheInfo(text), {
    storeDir: '/gnu/store',
    wantMassQuery: false,
    priority: -3,
  });
});

test('an empty one says nothing and is none the less one', () => {
  assert.equal(parseCacheInfo('').storeDir, undefined);
  assert.equal(formatCacheInfo(parseCacheInfo('\n')), '');
});

test('a web page is no nix-cache-info', () => {
  assert.throws(() => parseCacheInfo('<!doctype html><title>Home: welcome</title>'), {
    code: 'corrupt',
    message: /none of StoreDir/,
  });
});

test('minus zero is zero', () => {
  assert.equal(Object.is(parseCacheInfo('Priority: -0\n').priority, 0), true);
});

test('a priority that is no number is refused', () => {
  for (const priority of ['high', '', '1e9', '12345678901']) {
    assert.throws(() => parseCacheInfo(`StoreDir: /nix/store\nPriority: ${priority}\n`), {
      code: 'corrupt',
    });
  }
});
