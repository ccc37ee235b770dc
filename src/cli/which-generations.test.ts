import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asOldGenerations, parseGenerationsToRemove } from './which-generations.ts';

const parse = (...words: readonly string[]): unknown => parseGenerationsToRemove('ferry', words);

test('old ones, by age, by how many stay, by number', () => {
  assert.equal(parse(), undefined);
  assert.equal(parse('old'), 'old');
  assert.deepEqual(parse('30d'), { olderThanDays: 30 });
  assert.deepEqual(parse('+5'), { keep: 5 });
  assert.deepEqual(parse('3'), [3]);
  assert.deepEqual(parse('7,3', '5', '3'), [3, 5, 7]);
});

test('what says nothing or two things is refused', () => {
  for (const word of ['', 'all', '0d', '+0', '-3', '3,', '1e3', '30 d', '3-5', '999999d']) {
    assert.throws(() => parse(word), { code: 'usage' }, word);
  }
  assert.throws(() => parse('old', '3'), /exclude each other/);
  assert.throws(() => parse('30d', '+5'), /exclude each other/);
});

test('on this machine it is the same', () => {
  const now = 10 * 24 * 3600 * 1000 + 500;
  assert.deepEqual(asOldGenerations('old', now), { kind: 'all' });
  assert.deepEqual(asOldGenerations([1, 2], now), { kind: 'numbers', numbers: new Set([1, 2]) });
  assert.deepEqual(asOldGenerations({ keep: 2 }, now), { kind: 'keep', count: 2 });
  assert.deepEqual(asOldGenerations({ olderThanDays: 3 }, now), {
    kind: 'before',
    time: 7 * 24 * 3600,
  });
});
