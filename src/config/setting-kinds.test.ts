import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  booleanKind,
  listKind,
  numberKind,
  optionalPathKind,
  pathKind,
  setKind,
} from './setting-kinds.ts';

test('numbers are decimal, with powers of 1024 behind them', () => {
  for (const [text, value] of [
    ['0', 0],
    ['010', 10],
    ['+5', 5],
    ['1k', 1024],
    ['1K', 1024],
    ['3M', 3 * 1024 ** 2],
    ['2G', 2 * 1024 ** 3],
    ['1T', 1024 ** 4],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9223372036854775807', Infinity],
  ] as const) {
    assert.equal(numberKind.parse(text), value, text);
  }
  for (const text of ['', '-1', '1.5', '0x10', '1 K', '1KB', 'K', '1P', '9223372036854775808']) {
    assert.equal(numberKind.parse(text), undefined, text);
  }
  // Nix lets this one wrap around to 0, which would switch a limit off.
  assert.equal(numberKind.parse('16777216T'), undefined);
});

test('what no number of JavaScript holds is printed all the same', () => {
  assert.equal(numberKind.print(Infinity), '9223372036854775807');
  assert.equal(JSON.stringify([numberKind.toJson(Infinity)]), '[9223372036854775807]');
  assert.equal(numberKind.print(25), '25');
});

test('yes and no have three spellings each', () => {
  for (const text of ['true', 'yes', '1']) assert.equal(booleanKind.parse(text), true);
  for (const text of ['false', 'no', '0']) assert.equal(booleanKind.parse(text), false);
  for (const text of ['', 'TRUE', 'on', 'true false']) {
    assert.equal(booleanKind.parse(text), undefined, text);
  }
});

test('lists keep order and repetitions, sets do not', () => {
  assert.deepEqual(listKind.parse('b a\tb'), ['b', 'a', 'b']);
  assert.deepEqual(setKind.parse('b a\tb'), ['a', 'b']);
  assert.deepEqual(listKind.parse(''), []);
  assert.equal(listKind.print(['b', 'a', 'b']), 'b a b');
});

test('paths are absolute, and written in one way', () => {
  assert.equal(pathKind.parse('/a//b/../c/'), '/a/c');
  assert.equal(pathKind.parse('/'), '/');
  for (const text of ['', 'a', './a', '~/a']) assert.equal(pathKind.parse(text), undefined, text);
  assert.equal(optionalPathKind.parse(''), '');
  assert.equal(optionalPathKind.parse('a'), undefined);
});
