import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { formatFraction, formatJson, parseJson, type Json } from './json-text.ts';

const roundTrip = (text: string): string => formatJson(parseJson(text));

test('what Nix writes is written again as it was', () => {
  for (const text of [
    'null',
    '{"10":1,"9":2,"a b":[],"b":{},"ü":"é\\n\\"\\\\\\u0001"}',
    '[18446744073709551615,-9223372036854775808,9007199254740993,0]',
    '[1.0,-0.0,0.1,1.5e-07,1e+100,0.0001]',
    '[true,false,null,"",[[{}]]]',
  ]) {
    assert.equal(roundTrip(text), text);
  }
});

test('members are in byte order of their names, of which the last of each counts', () => {
  assert.equal(roundTrip('{"b":1,"a":2,"b":3}'), '{"a":2,"b":3}');
  // U+FF5E comes before U+1F600 in UTF-8, and after it in UTF-16.
  assert.equal(roundTrip('{"😀":1,"～":2}'), '{"～":2,"😀":1}');
  assert.equal(
    roundTrip('{"__proto__":{"x":1},"constructor":2}'),
    '{"__proto__":{"x":1},"constructor":2}',
  );
  const ordered = formatJson(
    new Map([
      ['b', 1n],
      ['a', 2n],
    ]),
    { asOrdered: true },
  );
  assert.equal(ordered, '{"b":1,"a":2}');
});

test('what more digits than 64 bits hold is a fraction, as to Nix', () => {
  assert.equal(roundTrip('18446744073709551616'), '1.8446744073709552e+19');
  assert.equal(roundTrip('-9223372036854775809'), '-9.223372036854776e+18');
  assert.equal(roundTrip('1'.repeat(300)), '1.1111111111111112e+299');
});

test('on several lines it is as Nix indents it', () => {
  const pretty = formatJson(parseJson('{"a":[1,{"b":[]}],"c":{}}'), { pretty: true });
  assert.equal(pretty, '{\n  "a": [\n    1,\n    {\n      "b": []\n    }\n  ],\n  "c": {}\n}');
});

// Printed by Nix 2.34.
const fractions: readonly (readonly [number, string])[] = [
  [1.5, '1.5'],
  [0.1, '0.1'],
  [3, '3.0'],
  [100, '100.0'],
  [123456.789, '123456.789'],
  [1e14, '100000000000000.0'],
  [1e15, '1e+15'],
  [999999999999999.5, '999999999999999.5'],
  [1.2345678901234568e17, '1.2345678901234568e+17'],
  [0.0001, '0.0001'],
  [0.00012345, '0.00012345'],
  [0.00001, '1e-05'],
  [1.5e-7, '1.5e-07'],
  [1e100, '1e+100'],
  [5e-324, '5e-324'],
  [-2.5, '-2.5'],
];

test('fractions are written as Nix writes them', () => {
  for (const [value, text] of fractions) assert.equal(formatFraction(value), text);
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.ok(Object.is(Number(formatFraction(value)), value));
    }),
  );
});

test('refused: what is no JSON', () => {
  for (const text of [
    '',
    'nothing',
    '[1,]',
    '{"a":1,}',
    "{'a':1}",
    '[1',
    '01',
    '"\\ud800"',
    '{"\\udc00":1}',
    '"\u0001"',
  ]) {
    assert.throws(() => parseJson(text), { code: 'corrupt' }, text);
  }
});

test('refused: what is too deep', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  assert.equal(roundTrip(nested(1000)), nested(1000));
  assert.throws(() => parseJson(nested(1001)), { code: 'corrupt' });
  assert.throws(() => parseJson('{"a":'.repeat(1_000_000)), { code: 'corrupt' });
  // Brackets in a text are no depth.
  assert.equal(roundTrip(JSON.stringify('["\\'.repeat(2000))), JSON.stringify('["\\'.repeat(2000)));
});

test('refused: what is too deep to be written', () => {
  let value: Json = [];
  for (let depth = 0; depth < 2000; depth++) value = [value];
  assert.throws(() => formatJson(value), { code: 'unsupported' });
});

test('any JSON is read and written as the same', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const once = roundTrip(text);
      assert.equal(roundTrip(once), once);
      assert.deepEqual(JSON.parse(once), JSON.parse(text));
    }),
  );
});
