import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { fromByteString, utf8ByteString, type ByteString } from '../bytes/byte-string.ts';
import { outputPlaceholder } from '../format/placeholder.ts';
import {
  completeAttributes,
  formatAttributesJson,
  formatAttributesShell,
  parseStructuredAttributes,
  type AttributeObject,
} from './structured-attributes.ts';

const json = (text: string): string => {
  const attributes = parseStructuredAttributes(utf8ByteString(text));
  return Buffer.from(fromByteString(formatAttributesJson(attributes))).toString('utf8');
};
const shell = (text: string): string => {
  const attributes = parseStructuredAttributes(utf8ByteString(text));
  return Buffer.from(fromByteString(formatAttributesShell(attributes))).toString('utf8');
};

test('names are sorted by their bytes, and texts escaped as Nix does it', () => {
  const text = '{"b":1,"a":"x\\u0001\\u007f\\n\\"\\\\\\/ü€😀","B":null,"ü":true,"😀":1,"￮":2}';
  const sorted = '{"B":null,"a":"x\\u0001\u007f\\n\\"\\\\/ü€😀","b":1,"ü":true,"￮":2,"😀":1}';
  assert.equal(json(text), sorted);
});

test('numbers are whole or not, as they were written', () => {
  const numbers: readonly (readonly [string, string])[] = [
    ['0', '0'],
    ['-0', '0'],
    ['2.0', '2.0'],
    ['-0.0', '-0.0'],
    ['1.5', '1.5'],
    ['1e2', '100.0'],
    ['1e30', '1e+30'],
    ['1e-07', '1e-07'],
    ['0.001', '0.001'],
    ['0.00012', '0.00012'],
    ['0.000012', '1.2e-05'],
    ['123456789012345.0', '123456789012345.0'],
    ['1234567890123456.0', '1.234567890123456e+15'],
    ['18446744073709551615', '18446744073709551615'],
    ['18446744073709551616', '1.8446744073709552e+19'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['9007199254740993', '9007199254740993'],
  ];
  for (const [given, written] of numbers) assert.equal(json(`{"n":${given}}`), `{"n":${written}}`);
});

test('what is one word, a list or a table of words has a variable, and nothing else', () => {
  const text = JSON.stringify({
    text: "it's\n$x",
    yes: true,
    no: false,
    none: null,
    list: ['a b', 1, true, null, ''],
    empty: [],
    deep: [['x']],
    table: { b: '2', 'a key': "q'" },
    emptyTable: {},
    deepTable: { a: { b: 1 } },
    'not-a-name': 1,
    '1st': 1,
    fraction: 1.5,
    mixed: [1, 1.5],
  });
  assert.equal(
    shell(text),
    [
      'declare -a empty=()',
      'declare -A emptyTable=()',
      "declare -a list=('a b' 1 1 '' '' )",
      'declare no=',
      "declare none=''",
      "declare -A table=(['a key']='q'\\''' ['b']='2' )",
      "declare text='it'\\''s\n$x'",
      'declare yes=1',
      '',
    ].join('\n'),
  );
});

test('numbers in bash are what an int of C makes of them', () => {
  const numbers: readonly (readonly [string, string | undefined])[] = [
    ['2147483647', '2147483647'],
    ['2147483648', '-2147483648'],
    ['3000000000', '-1294967296'],
    ['123456789012345678', '-1506741426'],
    ['-5', '-5'],
    ['2.0', '2'],
    ['-0.0', '0'],
    ['1e30', '-2147483648'],
    ['-1e30', '-2147483648'],
    // Whole in single precision.
    ['1.00000001', '1'],
    ['0.5', undefined],
  ];
  for (const [given, written] of numbers) {
    assert.equal(shell(`{"n":${given}}`), written === undefined ? '' : `declare n=${written}\n`);
  }
});

test('outputs are told by placeholders, and graphs in the place of what asked for them', () => {
  const complete = completeAttributes(
    { outputs: ['out', 'dev'], g: 1n },
    ['out', 'dev'],
    new Map([['g', [true]]]),
  );
  const [dev, out] = [outputPlaceholder('dev'), outputPlaceholder('out')];
  assert.equal(out, '/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9');
  assert.equal(
    formatAttributesJson(complete),
    `{"g":[true],"outputs":{"dev":"${dev}","out":"${out}"}}`,
  );
});

test('a name that means something to JavaScript means nothing here', () => {
  assert.equal(
    json('{"__proto__":{"a":1},"constructor":2}'),
    '{"__proto__":{"a":1},"constructor":2}',
  );
  const completed = completeAttributes(
    parseStructuredAttributes('{"__proto__":{"a":1}}' as ByteString),
    ['out'],
  );
  assert.match(formatAttributesJson(completed), /^\{"__proto__":\{"a":1\},"outputs"/);
});

test('what is no object of JSON is refused', () => {
  const hostile: readonly (readonly [string, RegExp])[] = [
    ['', /JSON/],
    ['[]', /no object/],
    ['null', /no object/],
    ['1', /no object/],
    ['{"a":1}x', /JSON/],
    ['{"a":1e999}', /too large/],
    ['{"a":"\\ud800"}', /surrogate/],
    ['{"\\ud800":1}', /surrogate/],
    [`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`, /levels/],
    ['['.repeat(5_000_000), /levels/],
  ];
  for (const [text, message] of hostile) {
    assert.throws(() => parseStructuredAttributes(text as ByteString), {
      code: 'corrupt',
      message,
    });
  }
  assert.throws(() => parseStructuredAttributes('{"a":"\xff"}' as ByteString), { code: 'corrupt' });
  // Brackets in texts are none.
  assert.equal(json(`{"a":"${'['.repeat(5000)}\\"["}`).length, 5011);
});

test('what was written is read again', () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'grapheme' }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), {
        maxKeys: 4,
        noNullPrototype: true,
      }),
    ),
  }));
  const objects = fc.dictionary(fc.string({ unit: 'grapheme' }), value, { noNullPrototype: true });
  fc.assert(
    fc.property(objects, (object) => {
      const text = formatAttributesJson(object as AttributeObject);
      const again = parseStructuredAttributes(text);
      assert.deepEqual(again, object);
      assert.equal(formatAttributesJson(again), text);
    }),
  );
});
