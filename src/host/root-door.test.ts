import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FerryError } from '../error.ts';
import { RootDoor } from './root-door.ts';

test('the others wait until the first is in, and then go together', async () => {
  const door = new RootDoor([]);
  const first = Promise.withResolvers<string>();
  const begun: string[] = [];
  const both = Promise.withResolvers<void>();
  const all = [
    door.through(undefined, () => {
      begun.push('first');
      return first.promise;
    }),
    ...['second', 'third'].map((name) =>
      door.through(undefined, async () => {
        if (begun.push(name) === 3) both.resolve();
        await both.promise;
        return name;
      }),
    ),
  ];
  await Promise.resolve();
  assert.deepEqual(begun, ['first']);
  first.resolve('first');
  assert.deepEqual(await Promise.all(all), ['first', 'second', 'third']);
});

test('who was refused speaks for all, now and later', async () => {
  const door = new RootDoor([]);
  const denied = new FerryError('denied', 'wrong 3 times');
  let count = 0;
  const begin = async (): Promise<never> => {
    count++;
    throw denied;
  };
  const all = [1, 2, 3].map(() => assert.rejects(door.through(undefined, begin), denied));
  await Promise.all(all);
  await assert.rejects(door.through(undefined, begin), denied);
  assert.equal(count, 1);
});

test('what went wrong otherwise is tried by the next, and who gives up waits no longer', async () => {
  const door = new RootDoor([]);
  const lost = new FerryError('unavailable', 'lost');
  const gate = Promise.withResolvers<never>();
  const first = door.through(undefined, () => gate.promise);
  const stop = new AbortController();
  const reason = new Error('enough');
  const waiting = door.through(stop.signal, async () => 'never');
  const next = door.through(undefined, async () => 'in');
  stop.abort(reason);
  await assert.rejects(waiting, reason);
  gate.reject(lost);
  await assert.rejects(first, lost);
  assert.equal(await next, 'in');
});
