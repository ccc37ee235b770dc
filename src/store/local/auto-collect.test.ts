import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoCollector } from './auto-collect.ts';

interface Disk {
  free: number;
  time: number;
  /** Bytes of garbage. */
  garbage: number;
  readonly collections: number[];
  readonly collector: AutoCollector;
}

function makeDisk(free: number, fail = false): Disk {
  const disk: Disk = {
    free,
    time: 0,
    garbage: 10_000,
    collections: [],
    collector: new AutoCollector(
      { minFree: 100, maxFree: 500, checkIntervalMs: 5000 },
      {
        freeBytes: () => disk.free,
        now: () => disk.time,
        async collect(maxFreed, signal) {
          disk.collections.push(maxFreed);
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          signal.throwIfAborted();
          if (fail) throw new Error('no');
          const freed = Math.min(maxFreed, disk.garbage);
          disk.garbage -= freed;
          disk.free += freed;
        },
      },
    ),
  };
  return disk;
}

test('nothing is collected while there is room', async () => {
  const disk = makeDisk(100);
  await disk.collector.makeRoom();
  assert.deepEqual(disk.collections, []);
});

test('what lacks until max-free is collected, and all who ask wait for it', async () => {
  const disk = makeDisk(99);
  await Promise.all([disk.collector.makeRoom(), disk.collector.makeRoom()]);
  assert.deepEqual(disk.collections, [401]);
  assert.equal(disk.free, 500);
});

test('nobody looks again before the interval is over', async () => {
  const disk = makeDisk(200);
  await disk.collector.makeRoom();
  disk.free = 0;
  disk.time = 4999;
  await disk.collector.makeRoom();
  assert.deepEqual(disk.collections, []);
  disk.time = 5000;
  await disk.collector.makeRoom();
  assert.deepEqual(disk.collections, [500]);
});

test('where there is no garbage it is not looked for again before room was used up', async () => {
  const disk = makeDisk(90);
  disk.garbage = 0;
  await disk.collector.makeRoom();
  disk.time = 10_000;
  disk.free = 88;
  await disk.collector.makeRoom();
  assert.equal(disk.collections.length, 1);
  disk.time = 20_000;
  disk.free = 87;
  await disk.collector.makeRoom();
  assert.equal(disk.collections.length, 2);
});

test('a collection that fails is nobody’s failure', async () => {
  const disk = makeDisk(0, true);
  await disk.collector.makeRoom();
  assert.equal(disk.collections.length, 1);
});

test('an abort ends the waiting alone, closing ends the collection', async () => {
  const disk = makeDisk(0);
  const stop = new AbortController();
  const reason = new Error('enough');
  const waiting = disk.collector.makeRoom(stop.signal);
  stop.abort(reason);
  await assert.rejects(waiting, reason);
  await disk.collector[Symbol.asyncDispose]();
  assert.equal(disk.free, 0);
  disk.time = 10_000;
  await disk.collector.makeRoom();
  assert.equal(disk.collections.length, 1);
});
