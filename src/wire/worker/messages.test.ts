import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ByteReader } from '../../bytes/byte-reader.ts';
import { isFerryError } from '../../error.ts';
import { contextAt, hexLines, readValue, writeValue } from '../../../test/support/codecs.ts';
import { frames, framesEnd, readFrames } from './framed.ts';
import { workerMessage, type WorkerMessage } from './messages.ts';

const newest = contextAt(38, 1);

const messages: readonly WorkerMessage[] = [
  { kind: 'done' },
  { kind: 'log', text: 'a line\n' },
  { kind: 'read', size: 32768 },
  { kind: 'write', data: Uint8Array.of(1, 2, 3) },
  { kind: 'error', level: 0, text: 'no', traces: ['while asking', 'while testing'] },
  // Process ids are in their upper half: more than a number of ours holds.
  {
    kind: 'start',
    id: 2n ** 54n + 1n,
    level: 3,
    type: 108,
    text: 'copying',
    fields: ['/nix/store/x', 2n ** 63n],
    parent: 0n,
  },
  { kind: 'stop', id: 2n ** 54n + 1n },
  { kind: 'result', id: 7n, type: 105, fields: [1n, 2n, 3n, 4n] },
];

test('every message is written and read, in pieces of any size', async () => {
  for (const message of messages) {
    const written = writeValue(workerMessage, message, newest);
    for (const size of [1, 5, 8, 1000]) {
      assert.deepEqual(await readValue(workerMessage, written, newest, size), message);
    }
  }
});

test('the bytes are those of Nix', () => {
  const hex = (message: WorkerMessage, minor = 38): string =>
    hexLines(writeValue(workerMessage, message, contextAt(minor, 1)));
  assert.equal(hex({ kind: 'done' }), '73746c6100000000');
  assert.equal(
    hex({ kind: 'log', text: 'x\n' }),
    '676d6c6f00000000 0200000000000000 780a000000000000',
  );
  assert.equal(hex({ kind: 'read', size: 1 }), '6174616400000000 0100000000000000');
  assert.equal(hex({ kind: 'stop', id: 9n }), '504f545300000000 0900000000000000');
  const error = { kind: 'error', level: 0, text: 'no', traces: ['t'] } as const;
  assert.equal(
    hex(error),
    [
      '7074786300000000',
      '0500000000000000 4572726f72000000',
      '0000000000000000',
      '0500000000000000 4572726f72000000',
      '0200000000000000 6e6f000000000000',
      '0000000000000000',
      '0100000000000000',
      '0000000000000000 0100000000000000 7400000000000000',
    ].join(' '),
  );
  assert.equal(
    hex(error, 25),
    '7074786300000000 0200000000000000 6e6f000000000000 0100000000000000',
  );
});

test('before version 1.26 an error is a text and a status', async () => {
  const old = contextAt(25, 1);
  const message: WorkerMessage = { kind: 'error', level: 0, text: 'no', traces: [], exitStatus: 5 };
  const written = writeValue(workerMessage, message, old);
  assert.deepEqual(await readValue(workerMessage, written, old, 3), message);
});

test('text that is not UTF-8 is taken all the same: it is for people', async () => {
  const written = writeValue(workerMessage, { kind: 'log', text: 'abc' }, newest);
  written[16] = 0xff;
  assert.deepEqual(await readValue(workerMessage, written, newest), {
    kind: 'log',
    text: '\ufffdbc',
  });
});

test('what is no message is refused where it stands', async () => {
  const u64 = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
  };
  const hostile: readonly (readonly [string, readonly bigint[]])[] = [
    ['a tag', [7n]],
    ['a tag past all numbers', [2n ** 60n]],
    ['a log without end', [0x6f6c6d67n, 2n ** 40n]],
    ['data without end', [0x64617416n, 2n ** 30n]],
    ['fields without end', [0x52534c54n, 1n, 1n, 2n ** 40n]],
    ['a field of no type', [0x52534c54n, 1n, 1n, 1n, 2n, 0n]],
    ['a position', [0x63787470n, 0n, 0n, 0n, 0n, 1n]],
    ['an end', [0x53544f50n]],
  ];
  for (const [name, words] of hostile) {
    const bytes = Buffer.concat(words.map(u64));
    for (const size of [1, 8, 1000]) {
      await assert.rejects(
        readValue(workerMessage, bytes, newest, size),
        (error) => isFerryError(error) && ['corrupt', 'protocol'].includes(error.code),
        name,
      );
    }
  }
});

test('framed contents come out as they went in, however both are cut', async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  const property = fc.asyncProperty(
    chunks,
    fc.integer({ min: 1, max: 50 }),
    async (parts, size) => {
      const sent = Buffer.concat([...parts.flatMap(frames), framesEnd, Buffer.from('after')]);
      const reader = new ByteReader(cut(sent, size));
      const got: Uint8Array[] = [];
      for await (const piece of readFrames(reader)) got.push(piece.slice());
      assert.deepEqual(Buffer.concat(got), Buffer.concat(parts));
      assert.equal(Buffer.from(await reader.read(5)).toString(), 'after');
    },
  );
  await fc.assert(property, { numRuns: 100 });
});

test('large pieces are cut to frames that a server can hold, and not copied', () => {
  const chunk = new Uint8Array(2 * 1024 * 1024 + 5);
  const pieces = frames(chunk);
  assert.deepEqual(
    pieces.map(({ length }) => length),
    [8, 1024 * 1024, 8, 1024 * 1024, 8, 5],
  );
  assert.equal(pieces.at(-1)?.buffer, chunk.buffer);
  assert.deepEqual(frames(new Uint8Array(0)), [], 'an empty frame would be the end');
});

test('frames that never end, or are too long, are refused', async () => {
  const tooLong = Buffer.alloc(8);
  tooLong.writeBigUInt64LE(2n ** 32n);
  for (const bytes of [tooLong, Buffer.alloc(4), frames(Buffer.from('x'))[0] as Uint8Array]) {
    const reader = new ByteReader(cut(bytes, 3));
    await assert.rejects(
      async () => {
        for await (const _ of readFrames(reader));
      },
      { code: 'corrupt' },
    );
    await assert.rejects(async () => reader.u64(), { code: 'corrupt' }, 'it stays failed');
  }
});

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
