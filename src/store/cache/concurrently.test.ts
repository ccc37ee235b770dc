import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { workConcurrently } from './concurrently.ts';

test('everything is worked on, never more than so many at a time', async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await workConcurrently([1, 2, 3, 4, 5, 6, 7], { max: 3 }, async (item) => {
    most = Math.max(most, ++running);
    await turn();
    running--;
    done.push(item);
  });
  assert.deepEqual(
    done.toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(most, 3);
  await workConcurrently([], { max: 3 }, () => assert.fail('there is nothing'));
});

test('what turns up meanwhile is worked on as soon as there is room', async () => {
  const order: string[] = [];
  const slow = Promise.withResolvers<void>();
  await workConcurrently(['slow', '4'], { max: 2 }, async (item, _signal, add) => {
    await turn();
    if (item === 'slow') await slow.promise;
    order.push(item);
    if (item === '1') slow.resolve();
    else if (item !== 'slow') add(String(Number(item) - 1));
  });
  assert.deepEqual(order, ['4', '3', '2', '1', 'slow']);
});

test('the first failure ends all of it', async () => {
  const begun: number[] = [];
  let seen: unknown;
  await assert.rejects(
    workConcurrently([1, 2, 3, 4], { max: 2 }, async (item, signal) => {
      begun.push(item);
      if (item === 1) throw new Error('no');
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      seen = signal.reason;
      throw new Error('aborted');
    }),
    /no/,
  );
  await turn();
  assert.deepEqual(begun, [1, 2]);
  assert.match(String(seen), /no/);
});

test('an abort is passed on at once, whatever the work does', async () => {
  const abort = new AbortController();
  const work = workConcurrently([1], { max: 1, signal: abort.signal }, () => new Promise(() => {}));
  abort.abort(new Error('enough'));
  await assert.rejects(work, /enough/);
  await assert.rejects(
    workConcurrently([1], { max: 1, signal: abort.signal }, () => assert.fail('too late')),
    /enough/,
  );
});
