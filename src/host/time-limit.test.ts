import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Slots } from './slots.ts';
import { TimeLimit } from './time-limit.ts';

test('a limit runs out, but not while somebody types', async () => {
  let lateCount = 0;
  const limit = new TimeLimit(5, () => lateCount++);
  const { promise, resolve } = Promise.withResolvers<string>();
  const typing = Promise.all([limit.pausedFor(promise), limit.pausedFor(Promise.resolve('x'))]);
  await new Promise((done) => setTimeout(done, 30));
  assert.deepEqual([lateCount, limit.isLate], [0, false]);
  resolve('typed');
  assert.deepEqual(await typing, ['typed', 'x']);
  await new Promise((done) => setTimeout(done, 30));
  assert.deepEqual([lateCount, limit.isLate], [1, true]);
});

test("a limit that isn't needed any more never runs out, also when somebody typed last", async () => {
  const onLate = mock.fn();
  const limit = new TimeLimit(1, onLate);
  const { promise, resolve } = Promise.withResolvers<void>();
  const typing = limit.pausedFor(promise);
  limit.end();
  resolve();
  await typing;
  await new Promise((done) => setTimeout(done, 10));
  assert.equal(onLate.mock.callCount(), 0);
});

test('whoever finds no place waits for one, in order, or gives up', async () => {
  const slots = new Slots(1);
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const stop = new AbortController();
  const all = [
    slots.use(undefined, async () => {
      order.push('first');
      await first.promise;
    }),
    slots.use(stop.signal, async () => void order.push('never')),
    slots.use(undefined, async () => {
      order.push('second');
      throw new Error('a failure gives the place back');
    }),
    slots.use(undefined, async () => void order.push('third')),
  ] as const;
  const reason = new Error('enough');
  stop.abort(reason);
  await assert.rejects(all[1], reason);
  assert.deepEqual(order, ['first']);
  first.resolve();
  await all[0];
  await assert.rejects(all[2], /gives the place back/);
  await all[3];
  assert.deepEqual(order, ['first', 'second', 'third']);
});
