import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAll, samplePath, toStream } from '../../../test/conformance/nars.ts';
import type { NarStream } from '../store.ts';
import { attendedStream } from './attended-stream.ts';

const { info } = samplePath('x');
const chunks = [Uint8Array.of(1), Uint8Array.of(2)];

function attended(nar: NarStream): { nar: NarStream; told: string[] } {
  const told: string[] = [];
  const stream = attendedStream(nar, {
    begin: async () => void told.push('begin'),
    onEnd: (outcome) => told.push(outcome),
    onFailed: (error) => told.push(String(error)),
  });
  return { nar: stream, told };
}

test('a NAR that is read to its end is whole', async () => {
  const { nar, told } = attended(toStream(info.path, ...chunks));
  assert.deepEqual([...(await readAll(nar))], [1, 2]);
  assert.deepEqual(told, ['begin', 'whole']);
});

test('one whose reader has had enough is left, and its source is closed', async () => {
  let isClosed = false;
  const { nar, told } = attended({
    path: info.path,
    async *[Symbol.asyncIterator]() {
      try {
        yield* chunks;
      } finally {
        isClosed = true;
      }
    },
  });
  for await (const _ of nar) break;
  assert.deepEqual(told, ['begin', 'left']);
  assert.ok(isClosed);
});

test('one that fails tells that once', async () => {
  const { nar, told } = attended({
    path: info.path,
    async *[Symbol.asyncIterator]() {
      yield Uint8Array.of(1);
      throw new Error('gone');
    },
  });
  const iterator = nar[Symbol.asyncIterator]();
  await iterator.next();
  await assert.rejects(iterator.next(), /gone/);
  await iterator.return?.();
  assert.equal((await iterator.next()).done, true);
  assert.deepEqual(told, ['begin', 'Error: gone']);
});

test('one that is closed before it was begun never had its turn', async () => {
  let closed = 0;
  const { nar, told } = attended({
    path: info.path,
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: true, value: undefined }),
      return: async () => {
        closed++;
        return { done: true, value: undefined };
      },
    }),
  });
  const iterator = nar[Symbol.asyncIterator]();
  await iterator.return?.();
  assert.equal((await iterator.next()).done, true);
  assert.deepEqual([told, closed], [[], 1]);
});

test('one that is closed while it waits for its turn gives the turn back', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const told: string[] = [];
  const nar = attendedStream(toStream(info.path, ...chunks), {
    begin: () => promise,
    onEnd: (outcome) => told.push(outcome),
    onFailed: () => told.push('failed'),
  });
  const iterator = nar[Symbol.asyncIterator]();
  const next = iterator.next();
  await iterator.return?.();
  resolve();
  assert.equal((await next).done, true);
  assert.deepEqual(told, ['left']);
});
