import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  defaultStoreDir,
  parseStorePathBaseName,
  type StorePath,
} from '../../../format/store-path.ts';
import { describeMissing } from './print-missing.ts';

const path = (digit: string, name: string): StorePath =>
  parseStorePathBaseName(`${digit.repeat(32)}-${name}`);
const print = (some: StorePath): string => `  /nix/store/${some}`;
const [a, b, c] = [path('a', 'zebra'), path('b', 'ant'), path('c', 'ant')];
const nothing = { willBuild: [], willSubstitute: [], unknown: [], downloadSize: 0, narSize: 0 };

test('nothing is said of nothing', () => {
  assert.deepEqual(describeMissing(defaultStoreDir, nothing, []), []);
});

test('one of each', () => {
  const missing = {
    ...nothing,
    willSubstitute: [a],
    unknown: [c],
    downloadSize: 51,
    narSize: 1536,
  };
  assert.deepEqual(describeMissing(defaultStoreDir, missing, [b]), [
    'this derivation will be built:',
    print(b),
    'this path will be fetched (0.0 KiB download, 1.5 KiB unpacked):',
    print(a),
    "don't know how to build these paths:",
    print(c),
  ]);
});

test('several: derivations in their order, paths by name', () => {
  const missing = {
    ...nothing,
    willSubstitute: [a, c, b],
    downloadSize: 3 << 20,
    narSize: 5 * 2 ** 30,
  };
  assert.deepEqual(describeMissing(defaultStoreDir, missing, [c, a]), [
    'these 2 derivations will be built:',
    print(c),
    print(a),
    'these 3 paths will be fetched (3.0 MiB download, 5.0 GiB unpacked):',
    print(b),
    print(c),
    print(a),
  ]);
});
