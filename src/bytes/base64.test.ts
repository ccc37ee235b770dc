import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeBase16, encodeBase16 } from './base16.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

test('every byte string comes back from both encodings', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.deepEqual(decodeBase64(encodeBase64(bytes)), bytes);
      assert.deepEqual(decodeBase16(encodeBase16(bytes)), bytes);
      assert.deepEqual(decodeBase16(encodeBase16(bytes).toUpperCase()), bytes);
    }),
  );
});

test('base 64 has one spelling for each value', () => {
  for (const text of ['QQ', 'QQ=', 'QR==', 'Q Q==', 'QQ==\n', 'QQ==QQ==', '-_==', '!']) {
    assert.throws(() => decodeBase64(text), { code: 'corrupt' }, JSON.stringify(text));
  }
});

test('base 16 refuses odd lengths and other characters', () => {
  for (const text of ['a', 'gg', '0x', ' 00']) {
    assert.throws(() => decodeBase16(text), { code: 'corrupt' }, JSON.stringify(text));
  }
});
