import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ByteReader } from '../bytes/byte-reader.ts';
import { utf8ByteString, toByteString } from '../bytes/byte-string.ts';
import { isFerryError } from '../error.ts';
import { protocolVersion, type Codec } from './codec.ts';
import {
  between,
  bool,
  bytes,
  byteString,
  constant,
  ignored,
  list,
  map,
  message,
  nothing,
  since,
  string,
  struct,
  u64,
} from './combinators.ts';
import {
  contextAt,
  fromHexLines,
  hexLines,
  readValue,
  writeValue,
} from '../../test/support/codecs.ts';

interface Pair {
  readonly name: string;
  readonly size?: number | undefined;
}

const pair: Codec<Pair> = struct<Pair>({
  name: string(10),
  size: since<number | undefined>(
    protocolVersion(2, 4),
    u64 as Codec<number | undefined>,
    undefined,
  ),
});

function row<T>(name: string, codec: Codec<T>, value: T, hex: string, minor = 7): void {
  test(`${name} is written and read, however it is cut`, async () => {
    const context = contextAt(minor);
    assert.equal(hexLines(writeValue(codec, value, context)), hex);
    const encoded = fromHexLines(hex);
    for (let size = 1; size <= encoded.length; size++) {
      assert.deepEqual(await readValue(codec, encoded, context, size), value, `cut at ${size}`);
    }
  });
}

row('a number', u64, 258, '0201000000000000');
row('the largest number', u64, Number.MAX_SAFE_INTEGER, 'ffffffffffff1f00');
row('true', bool, true, '0100000000000000');
row('false', bool, false, '0000000000000000');
row('nothing', nothing, undefined, '');
row('a constant', constant(1), undefined, '0100000000000000');
row('an ignored number', ignored(0), undefined, '0000000000000000');
row('an empty text', string(10), '', '0000000000000000');
row('a text', string(10), 'abc', '0300000000000000 6162630000000000');
row('a text of eight bytes', string(8), 'abcdefgh', '0800000000000000 6162636465666768');
row('a text beyond ASCII', string(10), 'é', '0200000000000000 c3a9000000000000');
row('a message', message(10), 'é', '0200000000000000 c3a9000000000000');
row(
  'a byte string',
  byteString(4),
  toByteString(Uint8Array.of(255)),
  '0100000000000000 ff00000000000000',
);
row('an empty list', list(u64, 3), [], '0000000000000000');
row('a list', list(u64, 3), [1, 2], '0200000000000000 0100000000000000 0200000000000000');
row('a struct', pair, { name: 'a', size: 5 }, '0100000000000000 6100000000000000 0500000000000000');
row('a struct before a field came', pair, { name: 'a' }, '0100000000000000 6100000000000000', 3);
row('a field that is gone', between(protocolVersion(2, 2), protocolVersion(2, 6), u64, 9), 9, '');
row(
  'a list of structs',
  list(pair, 2),
  [
    { name: 'a', size: 1 },
    { name: '', size: 2 },
  ],
  '0200000000000000 0100000000000000 6100000000000000 0100000000000000 0000000000000000 0200000000000000',
);

test('bytes are a copy that stays when the reader goes on', async () => {
  const codec = bytes(8);
  const read = await readValue(
    codec,
    fromHexLines('0200000000000000 0102000000000000'),
    contextAt(7),
  );
  assert.deepEqual(read, Uint8Array.of(1, 2));
});

test('a message that is not UTF-8 is read with replacements', async () => {
  const encoded = fromHexLines('0200000000000000 41ff000000000000');
  assert.equal(await readValue(message(8), encoded, contextAt(7)), 'A\ufffd');
});

test('what is buffered is read without a promise', async () => {
  const encoded = writeValue(list(pair, 9), [{ name: 'a', size: 1 }], contextAt(7));
  const reader = new ByteReader({
    async *[Symbol.asyncIterator]() {
      yield encoded;
      yield encoded;
    },
  });
  const first = list(pair, 9).read(reader, contextAt(7));
  assert.ok(first instanceof Promise);
  await first;
  await reader.atEnd();
  assert.deepEqual(list(pair, 9).read(reader, contextAt(7)), [{ name: 'a', size: 1 }]);
});

function refused<T>(name: string, codec: Codec<T>, hex: string, wanted: RegExp): void {
  test(`${name} is refused, however it is cut`, async () => {
    const encoded = fromHexLines(hex);
    for (let size = 1; size <= Math.max(1, encoded.length); size++) {
      await assert.rejects(readValue(codec, encoded, contextAt(7), size), (error) => {
        assert.ok(isFerryError(error, 'corrupt'), String(error));
        assert.match(error.message, wanted);
        return true;
      });
    }
  });
}

refused('a truth of 2', bool, '0200000000000000', /2 is neither 0 nor 1/);
refused('a number past 2^53', u64, '0000000000002000', /past 2\^53/);
refused('another constant', constant(1), '0200000000000000', /found 2, wanted 1/);
refused('a text that is too long', string(2), '0300000000000000', /3 bytes long, more than 2/);
refused('a length of 2^63', string(2), '0000000000000080', /past 2\^53/);
refused(
  'padding that is not zero',
  string(8),
  '0100000000000000 6100000000000001',
  /padding is not/,
);
refused('a text that is not UTF-8', string(8), '0100000000000000 ff00000000000000', /not UTF-8/);
refused('a list that is too long', list(u64, 2), '0300000000000000', /3 entries, more than 2/);
refused('a value cut short', string(8), '0100000000000000 6100', /unexpected end of input/);
refused(
  'a malformed field within lists',
  struct<{ readonly outer: readonly Pair[] }>({ outer: list(pair, 9) }),
  '0200000000000000 0000000000000000 0100000000000000 0b00000000000000',
  /^field "outer\[1\]\.name" at byte 32: 11 bytes long, more than 10$/,
);

test('errors of the transport stay as they are', async () => {
  const cut = new Error('cut');
  const reader = new ByteReader({
    async *[Symbol.asyncIterator]() {
      yield fromHexLines('0100000000000000 01');
      throw cut;
    },
  });
  await assert.rejects(
    async () => {
      await list(pair, 9).read(reader, contextAt(7));
    },
    (error) => error === cut,
  );
});

test('a long list that comes byte by byte is read', async () => {
  const items = Array.from({ length: 1000 }, (_, index) => index);
  const encoded = writeValue(list(u64, 1000), items, contextAt(7));
  assert.deepEqual(await readValue(list(u64, 1000), encoded, contextAt(7), 1), items);
});

test('what is written is read again', async () => {
  const codec = list(
    struct<{ a: number; b: boolean; c: readonly string[]; d: number }>({
      a: u64,
      b: bool,
      c: list(string(1000), 100),
      d: map(
        u64,
        (value) => value - 1,
        (value) => value + 1,
      ),
    }),
    100,
  );
  const value = fc.array(
    fc.record(
      {
        a: fc.maxSafeNat(),
        b: fc.boolean(),
        c: fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }),
        d: fc.nat(),
      },
      { noNullPrototype: true },
    ),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(value, fc.integer({ min: 1, max: 64 }), async (items, size) => {
      const encoded = writeValue(codec, items, contextAt(7));
      assert.equal(encoded.length % 8, 0);
      assert.deepEqual(await readValue(codec, encoded, contextAt(7), size), items);
    }),
    { numRuns: 100 },
  );
});

test('byte strings keep every byte', async () => {
  const all = toByteString(Uint8Array.from({ length: 256 }, (_, index) => index));
  const encoded = writeValue(byteString(256), all, contextAt(7));
  assert.equal(await readValue(byteString(256), encoded, contextAt(7)), all);
  assert.equal(utf8ByteString('é').length, 2);
});
