import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as soon } from 'node:timers/promises';
import { Turns } from './s3-turns.ts';

test('only so many are at work at once, in the order in which they came', async () => {
  const turns = new Turns(2);
  const began: number[] = [];
  let working = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 9 }, (_, index) =>
      turns.take(async () => {
        began.push(index);
        working += 1;
        most = Math.max(most, working);
        await soon();
        working -= 1;
      }),
    ),
  );
  assert.equal(most, 2);
  assert.deepEqual(began, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('work that fails gives its turn back', async () => {
  const turns = new Turns(1);
  await assert.rejects(
    turns.take(() => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(await turns.take(() => Promise.resolve(7)), 7);
});

test('who is aborted while waiting takes no turn', async () => {
  const turns = new Turns(1);
  const abort = new AbortController();
  const { promise: busy, resolve: finish } = Promise.withResolvers<void>();
  const first = turns.take(() => busy);
  let didWork = false;
  const second = turns.take(() => {
    didWork = true;
    return Promise.resolve();
  }, abort.signal);
  const third = turns.take(() => Promise.resolve('third'));
  abort.abort(new Error('enough'));
  await assert.rejects(second, /enough/);
  finish();
  await first;
  assert.equal(await third, 'third');
  assert.equal(didWork, false);
  await assert.rejects(
    turns.take(() => Promise.resolve(), AbortSignal.abort(new Error('before'))),
    /before/,
  );
});

test('an abort in the moment of the turn passes the turn on', async () => {
  const turns = new Turns(1);
  const abort = new AbortController();
  const { promise: busy, resolve: finish } = Promise.withResolvers<void>();
  const first = turns.take(() => busy);
  const second = turns.take(() => Promise.resolve(), abort.signal).catch(() => 'aborted');
  const third = turns.take(() => Promise.resolve('third'));
  finish();
  abort.abort(new Error('enough'));
  await first;
  await second;
  assert.equal(await third, 'third');
});
