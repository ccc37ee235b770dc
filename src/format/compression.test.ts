import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compressions, compressionSuffix, isWritable, parseCompression } from './compression.ts';

test('the names and suffixes are those of Nix', () => {
  const suffixes = Object.fromEntries(compressions.map((each) => [each, compressionSuffix(each)]));
  assert.deepEqual(suffixes, {
    none: '',
    gzip: '',
    bzip2: '.bz2',
    xz: '.xz',
    zstd: '.zst',
    br: '.br',
    lzip: '.lzip',
  });
  for (const name of compressions) assert.equal(parseCompression(name), name);
});

test('what is not a name is none', () => {
  for (const text of ['', 'XZ', 'lz4', 'toString', '__proto__', 'xz ', 'zst']) {
    assert.equal(parseCompression(text), undefined);
  }
});

test('bzip2 and lzip are only read', () => {
  assert.deepEqual(
    compressions.filter((each) => !isWritable(each)),
    ['bzip2', 'lzip'],
  );
});
