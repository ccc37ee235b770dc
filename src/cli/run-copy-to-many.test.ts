import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinStatuses } from './run-copy-to-many.ts';

test('the exit status of several copies', () => {
  for (const [statuses, joined] of [
    [[0, 0], 0],
    [[0, 4], 6],
    [[4, 4], 4],
    [[3, 3, 3], 3],
    [[3, 4], 1],
    [[6, 6], 6],
    [[6, 4], 6],
    [[0, 6], 6],
  ] as const) {
    assert.equal(joinStatuses(statuses), joined, statuses.join());
  }
});
