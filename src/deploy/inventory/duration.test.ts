import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationMs } from './duration.ts';

const durations: readonly (readonly [number | string, number | undefined])[] = [
  [90, 90_000],
  ['90', 90_000],
  ['90s', 90_000],
  ['90 s', 90_000],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1.5m', 90_000],
  [0.25, 250],
  ['250ms', 250],
  ['24h', 86_400_000],
  ['25h', undefined],
  [0, undefined],
  [-1, undefined],
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [1e300, undefined],
  ['', undefined],
  ['5 minutes', undefined],
  ['5M', undefined],
  ['0x10', undefined],
  ['99999999999', undefined],
];

for (const [text, ms] of durations) {
  test(`${JSON.stringify(text)} is ${ms ?? 'no duration'}`, () => {
    assert.equal(durationMs(text), ms);
  });
}
