import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeBase16 } from './base16.ts';
import { decodeNix32, encodeNix32, isNix32, nix32Length } from './nix32.ts';

test('known values encode and decode', () => {
  const table = [
    ['', ''],
    ['00', '00'],
    ['1f', '0z'],
    ['ff', '7z'],
    [
      '0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969',
      '0sg9f58l1jj88w6pdrfdpj5x9b1zrwszk84j81zvby36q9whhhqa',
    ],
  ] as const;
  for (const [hex, text] of table) {
    assert.equal(encodeNix32(decodeBase16(hex)), text);
    assert.deepEqual(decodeNix32(text), decodeBase16(hex));
  }
});

test('lengths are those of the manual', () => {
  assert.deepEqual([16, 20, 32, 64].map(nix32Length), [26, 32, 52, 103]);
});

test('every byte string comes back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const text = encodeNix32(bytes);
      assert.equal(text.length, nix32Length(bytes.length));
      assert.ok(isNix32(text));
      assert.deepEqual(decodeNix32(text), bytes);
    }),
  );
});

test('what is not canonical is refused', () => {
  for (const text of [
    'e',
    '0',
    'zz',
    '0E',
    'Zz',
    '0é',
    'z0000000000000000000000000000000000000000000000000000',
  ]) {
    assert.throws(() => decodeNix32(text), { code: 'corrupt' }, text);
  }
});
