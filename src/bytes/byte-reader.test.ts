import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

async function* chunks(...parts: readonly (readonly number[])[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Uint8Array.from(part);
}

test('what is buffered is answered without a promise', async () => {
  const reader = new ByteReader(chunks([1, 0, 0, 0, 0, 0, 0, 0, 9, 9]));
  assert.equal(await reader.u64(), 1);
  assert.deepEqual(reader.read(2), Uint8Array.of(9, 9));
  assert.equal(reader.offset, 10);
  assert.equal(await reader.atEnd(), true);
});

test('values are put together across every cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.maxSafeNat(), { maxLength: 20 }),
      fc.array(fc.nat(12), { maxLength: 40 }),
      async (numbers, cuts) => {
        const writer = new ByteWriter(1);
        for (const number of numbers) writer.u64(number);
        const all = writer.take();
        const parts: number[][] = [];
        let at = 0;
        for (const cut of cuts) parts.push([...all.subarray(at, (at += cut))]);
        parts.push([...all.subarray(at)]);
        const reader = new ByteReader(chunks(...parts));
        for (const number of numbers) assert.equal(await reader.u64(), number);
        assert.equal(await reader.atEnd(), true);
      },
    ),
  );
});

test('a number past 2^53 is refused, and the reader stays failed', async () => {
  const reader = new ByteReader(chunks([1, 2, 3, 4, 5, 6, 0x20, 0, 7, 7, 7]));
  await assert.rejects(async () => reader.u64(), { code: 'corrupt' });
  await assert.rejects(async () => reader.read(1), { code: 'corrupt' });
  await assert.rejects(() => reader.some(1), { code: 'corrupt' });
});

test('an early end says where and how much was due', async () => {
  const reader = new ByteReader(chunks([1, 2, 3], [4]));
  await reader.read(1);
  await assert.rejects(async () => reader.read(9), {
    code: 'corrupt',
    message: 'unexpected end of input at byte 4, 6 more bytes were due',
  });
});

test('the error of the source is the error of every later read', async () => {
  const reader = new ByteReader(
    (async function* () {
      yield Uint8Array.of(1);
      throw new Error('cable pulled');
    })(),
  );
  await reader.read(1);
  await assert.rejects(async () => reader.read(1), /cable pulled/);
  await assert.rejects(() => reader.atEnd(), /cable pulled/);
});

test('a stream yields just its bytes', async () => {
  const reader = new ByteReader(chunks([1, 2], [3, 4, 5]));
  const seen: number[] = [];
  for await (const chunk of reader.stream(4)) seen.push(...chunk);
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.deepEqual(await reader.read(1), Uint8Array.of(5));
});

test('strings are padded with zeros to eight bytes', () => {
  const writer = new ByteWriter();
  writer.string('hello');
  writer.string('');
  assert.deepEqual(
    [...writer.take()],
    [5, 0, 0, 0, 0, 0, 0, 0, 104, 101, 108, 108, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  );
  assert.throws(() => writer.u64(-1), RangeError);
  assert.throws(() => writer.u64(2 ** 53), RangeError);
});
