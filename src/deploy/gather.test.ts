import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gather } from './gather.ts';

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test('all that are ready come together', async () => {
  const groups: string[][] = [];
  const some = ['a', undefined, 'b'].map((value) => Promise.resolve(value));
  for await (const group of gather(some, { patienceMs: 60_000 })) groups.push(group);
  assert.deepEqual(groups, [['a', 'b']]);
});

test('none ready is no group', async () => {
  for await (const group of gather([Promise.resolve(undefined)], { patienceMs: 1 })) {
    assert.fail(`a group of ${group.length}`);
  }
  for await (const group of gather([], { patienceMs: 1 })) assert.fail(`of ${group.length}`);
});

test('who is late keeps nobody waiting, and comes alone', async () => {
  const slow = Promise.withResolvers<string>();
  const slower = Promise.withResolvers<string>();
  const all = [Promise.resolve('a'), slow.promise, slower.promise];
  const groups = gather<string>(all, { patienceMs: 1 });
  assert.deepEqual((await groups.next()).value, ['a']);
  const next = groups.next();
  await settle();
  slow.resolve('b');
  assert.deepEqual((await next).value, ['b']);
  slower.resolve('c');
  assert.deepEqual((await groups.next()).value, ['c']);
  assert.equal((await groups.next()).done, true);
});

test('nobody is late before the first is ready', async () => {
  const first = Promise.withResolvers<string>();
  const second = Promise.withResolvers<string>();
  const groups = gather<string>([first.promise, second.promise], { patienceMs: 60_000 });
  const next = groups.next();
  await settle();
  first.resolve('a');
  await settle();
  second.resolve('b');
  assert.deepEqual((await next).value, ['a', 'b']);
});

test('aborted while it is patient, it throws the reason', async () => {
  const abort = new AbortController();
  const never = new Promise<string>(() => {});
  const groups = gather([Promise.resolve('a'), never], {
    patienceMs: 60_000,
    signal: abort.signal,
  });
  const next = groups.next();
  await settle();
  abort.abort(new Error('enough'));
  await assert.rejects(next, { message: 'enough' });
});
