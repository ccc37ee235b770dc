import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AheadRoom, AheadStream } from './ahead-stream.ts';

const CHUNK = 1 << 20;

/** Counts what was asked of it. */
function source(chunks: number): {
  stream: AsyncIterable<Uint8Array>;
  taken: () => number;
  isClosed: () => boolean;
} {
  let taken = 0;
  let isClosed = false;
  const stream = (async function* () {
    try {
      for (; taken < chunks; ) {
        taken++;
        yield new Uint8Array(CHUNK);
      }
    } finally {
      isClosed = true;
    }
  })();
  return { stream, taken: () => taken, isClosed: () => isClosed };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await turn();
}

async function sizeOf(stream: AheadStream): Promise<number> {
  let size = 0;
  for await (const chunk of stream.read()) size += chunk.length;
  return size;
}

test('streams are read ahead into the room they share, and no further', async () => {
  const room = new AheadRoom(5 * CHUNK);
  const sources = [source(20), source(20)];
  const streams = sources.map(({ stream }) => new AheadStream(stream, room));
  await settle();
  const taken = sources.reduce((sum, { taken }) => sum + taken(), 0);
  assert.ok(taken >= 5 && taken <= 7, `${taken}`);
  for (const stream of streams) assert.equal(await sizeOf(stream), 20 * CHUNK);
  assert.equal(room.isFull, false);
});

test('the one whose turn it is goes on whatever the others hold', async () => {
  const room = new AheadRoom(2 * CHUNK);
  const late = new AheadStream(source(50).stream, room);
  await settle();
  assert.equal(room.isFull, true);
  assert.equal(await sizeOf(new AheadStream(source(30).stream, room)), 30 * CHUNK);
  assert.equal(await sizeOf(late), 50 * CHUNK);
});

test('the one whose turn it is does not run away from a slow reader', async () => {
  const room = new AheadRoom(CHUNK);
  const one = source(100);
  const reading = new AheadStream(one.stream, room).read();
  await reading.next();
  await settle();
  assert.ok(one.taken() <= 8, `${one.taken()}`);
  await reading.return();
});

test('an error comes when its place is reached', async () => {
  const room = new AheadRoom(CHUNK);
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(3);
    throw new Error('broken');
  };
  const reading = new AheadStream(failing(), room).read();
  await settle();
  assert.equal((await reading.next()).value?.length, 3);
  await assert.rejects(reading.next(), /broken/);
});

test('one that is stopped closes its source and gives its room back', async () => {
  const room = new AheadRoom(CHUNK);
  const one = source(100);
  const stream = new AheadStream(one.stream, room);
  await settle();
  assert.equal(room.isFull, true);
  await stream.stop();
  assert.equal(one.isClosed(), true);
  assert.equal(room.isFull, false);
});
