import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { formatCount, formatDuration, formatNumber } from './units.ts';

test('bytes have three digits at the most', () => {
  const expected: [number, string][] = [
    [0, '0 B'],
    [1, '1 B'],
    [999, '999 B'],
    [1000, '1 KiB'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [36_175_872, '34.5 MiB'],
    [104_752_742, '99.9 MiB'],
    [104_857_600, '100 MiB'],
    [1023 * 1024, '1 MiB'],
    [1.5 * 1024 ** 3, '1.5 GiB'],
    [2 ** 53, '8 PiB'],
  ];
  for (const [bytes, text] of expected) assert.equal(formatBytes(bytes), text);
});

test('durations have two units at the most', () => {
  const expected: [number, string][] = [
    [0, '0.0 s'],
    [1234, '1.2 s'],
    [9940, '9.9 s'],
    [9960, '10 s'],
    [59_499, '59 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [7_500_000, '2 h 5 min'],
    [90_000_000, '1 d 1 h'],
  ];
  for (const [ms, text] of expected) assert.equal(formatDuration(ms), text);
});

test('counts agree with their noun', () => {
  assert.equal(formatCount(0, 'path'), '0 paths');
  assert.equal(formatCount(1, 'path'), '1 path');
  assert.equal(formatCount(1234567, 'path'), '1,234,567 paths');
  assert.equal(formatNumber(999), '999');
});
