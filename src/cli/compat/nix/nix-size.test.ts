import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nixSize } from './nix-size.ts';

test('the unit is chosen by whole numbers', () => {
  assert.equal(nixSize(1024), '1.0 KiB');
  assert.equal(nixSize(1024 * 1024 + 512), '1024.5 KiB');
  assert.equal(nixSize(1024 * 1025 - 1), '1025.0 KiB');
  assert.equal(nixSize(1024 * 1025), '1.0 MiB');
  assert.equal(nixSize(-1024 * 1025), '-1.0 MiB');
});

test('what lies between two digits is rounded as C does it', () => {
  const cases: [number, string][] = [
    [0, '0.0 KiB'],
    [256, '0.2 KiB'],
    [768, '0.8 KiB'],
    [1280, '1.2 KiB'],
    [1792, '1.8 KiB'],
    [1281, '1.3 KiB'],
    [1279, '1.2 KiB'],
    [-1280, '-1.2 KiB'],
    [1024 * 1000.25, '1000.2 KiB'],
    [1024 * 1024 * 2.25, '2.2 MiB'],
    [1024 ** 3 * 7.75, '7.8 GiB'],
  ];
  for (const [bytes, text] of cases) assert.equal(nixSize(bytes), text, String(bytes));
});
