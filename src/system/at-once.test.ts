import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as breathe } from 'node:timers/promises';
import { forEachAtOnce } from './at-once.ts';

test('everything is done once, in order, and never more than so many at a time', async () => {
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  await forEachAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    begun.push(item);
    most = Math.max(most, ++running);
    await breathe();
    running--;
  });
  assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(most, 3);
  await forEachAtOnce([], 3, async () => assert.fail('nothing to do'));
});

test('after a failure nothing is begun, and what is at work has ended', async () => {
  const begun: number[] = [];
  let ended = 0;
  const work = forEachAtOnce([1, 2, 3, 4, 5], 2, async (item) => {
    begun.push(item);
    await breathe();
    if (item === 1) throw new Error('no');
    await breathe();
    ended++;
  });
  await assert.rejects(work, { message: 'no' });
  assert.deepEqual([begun, ended], [[1, 2], 1]);
});

test('what the items themselves throw ends it', async () => {
  const items = (function* () {
    yield 1;
    throw new Error('no more');
  })();
  await assert.rejects(
    forEachAtOnce(items, 2, async () => {}),
    { message: 'no more' },
  );
});
