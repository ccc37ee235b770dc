import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHash } from '../../format/hash.ts';
import { parseHashArgument } from './hash-argument.ts';

const ZEROS = `sha256-${'A'.repeat(43)}=`;

test('hashes are taken in any spelling, and with less than their padding', () => {
  for (const text of [
    `sha256:${'0'.repeat(64)}`,
    '0'.repeat(52),
    ZEROS,
    ZEROS.slice(0, -1),
    ZEROS.replace('A=', 'B='),
    `sha256-${'A'.repeat(20)}\n${'A'.repeat(23)}=`,
    `sha256:${'A'.repeat(43)}=`,
    `${'A'.repeat(42)}B=`,
  ]) {
    assert.equal(formatHash(parseHashArgument(text, 'sha256'), 'sri'), ZEROS, text);
  }
});

test('what is no hash is a mistake of the caller', () => {
  for (const text of [
    '',
    'zz',
    `sha256:${'A'.repeat(43)}`,
    `sha256-${'A'.repeat(42)}`,
    `sha256-${'A'.repeat(42)}!=`,
    `sha1:${'0'.repeat(40)}`,
    `md4:${'0'.repeat(32)}`,
    `z${'0'.repeat(51)}`,
    `sha256-${'='.repeat(44)}`,
  ]) {
    assert.throws(() => parseHashArgument(text, 'sha256'), { code: 'usage' }, text);
  }
  assert.throws(() => parseHashArgument('0'.repeat(52), undefined), {
    code: 'usage',
    message: /does not include a type/,
  });
});
