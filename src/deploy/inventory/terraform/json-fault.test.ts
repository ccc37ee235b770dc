import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { jsonFault } from './json-fault.ts';

const faults: readonly (readonly [string, number | undefined])[] = [
  ['', 0],
  [' [1, 2.5e-3, {"a": null}] ', undefined],
  ['[1,]', 3],
  ['{"a":hunter2}', 5],
  ['{"a" 1}', 5],
  ['{a:1}', 1],
  ['{"a":1,}', 7],
  ['[1 2]', 3],
  ['[1}', 2],
  ['[1', 2],
  ['"a', 2],
  ['"a\n"', 2],
  ['"\\x"', 1],
  ['"\\u00g0"', 1],
  ['01', 1],
  ['-', 0],
  ['nul', 0],
  ['1 1', 2],
];

for (const [text, at] of faults) {
  test(`${JSON.stringify(text)} is ${at === undefined ? 'JSON' : `wrong at ${at}`}`, () => {
    assert.equal(jsonFault(text), at);
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('it agrees with Node about what is JSON', () => {
  const text = fc.string({
    unit: fc.constantFrom(...'{}[]":,01-.eE+tru\\ \nn'.split('')),
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.oneof(text, fc.json()), (text) => {
      assert.equal(jsonFault(text) === undefined, isJson(text), text);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom(...'{}[]":,0x\\\n'.split('')),
      (json, at, character) => {
        const cut = at % (json.length + 1);
        const text = json.slice(0, cut) + character + json.slice(cut + 1);
        assert.equal(jsonFault(text) === undefined, isJson(text), text);
      },
    ),
    { numRuns: 500 },
  );
});

test('a long string and deep nesting are no matter', () => {
  assert.equal(jsonFault(`"${'a\\n'.repeat(300_000)}`), 900_001);
  assert.equal(jsonFault('['.repeat(300_000)), 300_000);
});
