import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isGlob, matchesGlob } from './glob.ts';

test('stars are any characters, question marks are one', () => {
  const pairs: readonly (readonly [string, string, boolean])[] = [
    ['web-*', 'web-1', true],
    ['web-*', 'web-', true],
    ['web-*', 'db-1', false],
    ['*', '', true],
    ['?', '', false],
    ['web-?', 'web-10', false],
    ['*-eu-*', 'web-eu-1', true],
    ['a*b*c', 'axxbyyc', true],
    ['a*b*c', 'axxcyyb', false],
    ['[a]', 'a', false],
    ['', '', true],
    ['', 'a', false],
  ];
  for (const [pattern, text, isMatch] of pairs) {
    assert.equal(matchesGlob(pattern, text), isMatch, `${pattern} and ${text}`);
  }
  assert.equal(isGlob('web-1'), false);
  assert.equal(isGlob('web-?'), true);
});

test('it is what a regular expression of the same meaning says', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  fc.assert(
    fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (p, t) => {
      const source = p.replaceAll('*', '.*').replaceAll('?', '.');
      assert.equal(matchesGlob(p, t), new RegExp(`^${source}$`).test(t));
    }),
  );
});

test('a hostile pattern takes no time', () => {
  assert.equal(matchesGlob(`${'*a'.repeat(200)}b`, 'a'.repeat(2000)), false);
});
