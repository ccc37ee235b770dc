import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAll, samplePath } from '../../test/conformance/nars.ts';
import { FanOutReader } from './fan-out-reader.ts';

const a = samplePath('a');
const b = samplePath('b');
const shared = { taken: (): void => {} };

function chunk(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

test('what is dropped before it is taken comes again, and the NAR does not end there', async () => {
  const reader = new FanOutReader([a.info], () => {});
  reader.give(chunk('one'), shared);
  const nars = reader.read();
  const { value: nar } = await nars.next();
  assert.ok(nar !== undefined);
  const chunks = nar[Symbol.asyncIterator]();
  const first = chunks.next();
  reader.drop();
  assert.equal(reader.backlog, 0);
  reader.give(chunk('ONE'), shared);
  reader.giveEnd();
  assert.deepEqual(await first, { done: false, value: chunk('ONE') });
  assert.deepEqual(await chunks.next(), { done: true, value: undefined });
  assert.equal((await nars.next()).done, true);
});

test('it knows what it lacks of what is read again', async () => {
  const reader = new FanOutReader([a.info], () => {});
  reader.give(chunk('0123456789'), shared);
  const { value: nar } = await reader.read().next();
  await nar?.[Symbol.asyncIterator]().next();
  reader.drop();
  assert.equal(reader.next, a.info.path);
  assert.deepEqual(
    [reader.lacking(0, 5), reader.lacking(5, 5), reader.lacking(8, 4), reader.lacking(12, 4)],
    [0, 0, 2, 4],
  );
});

test('the memory of what is passed by, dropped or left is given back', async () => {
  let taken = 0;
  const counting = { taken: (): void => void taken++ };
  const reader = new FanOutReader([a.info, b.info], () => {});
  const pieces = Array.from({ length: 6 }, () => chunk('0123'));
  for (const piece of pieces.slice(0, 3)) reader.give(piece, counting);
  reader.giveEnd();
  reader.give(pieces[3] as Uint8Array, counting);
  const nars = reader.read();
  await nars.next();
  const { value: second } = await nars.next();
  assert.equal(second?.path, b.info.path);
  assert.equal(taken, 3, 'nobody read the first path');
  reader.drop();
  assert.equal(taken, 4);
  reader.give(pieces[4] as Uint8Array, counting);
  reader.leave();
  assert.equal(taken, 5);
  assert.equal((await readAll(second ?? assert.fail())).length, 0);
  assert.deepEqual(
    pieces.map(({ length }) => length),
    [0, 0, 0, 0, 0, 4],
  );
});

test('it is given up once what was read is taken; one that has left ends at once', async () => {
  const failure = new Error('the source is gone');
  const reader = new FanOutReader([a.info, b.info], () => {});
  reader.give(chunk('one'), shared);
  reader.giveEnd();
  reader.giveUp(failure);
  assert.equal(reader.next, undefined);
  const nars = reader.read();
  const { value: nar } = await nars.next();
  assert.equal(Buffer.from(await readAll(nar ?? assert.fail())).toString(), 'one');
  await assert.rejects(nars.next(), failure);
  const waiting = new FanOutReader([a.info], () => {});
  const next = waiting.read().next();
  assert.ok(waiting.isStarving);
  waiting.leave();
  assert.equal((await next).done, true);
});
