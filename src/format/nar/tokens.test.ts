import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '../../../test/vectors/nar/build.ts';
import * as tokens from './tokens.ts';

test('tokens are their words, each with length and padding', () => {
  const { wordOffset, ...all } = tokens;
  assert.equal(Object.keys(all).length, 9);
  for (const token of Object.values(all)) {
    assert.deepEqual(token.bytes, bytesOf(...token.words));
    assert.equal(wordOffset(token.words, token.words.length), token.bytes.length);
  }
});

test('tokens put together are the archive of a small tree, byte for byte', () => {
  const { OPEN, DIRECTORY, ENTRY, NODE, EXECUTABLE, CLOSE_ENTRY, SYMLINK, CLOSE } = tokens;
  const folded = bytesOf(
    OPEN.bytes,
    DIRECTORY.bytes,
    ENTRY.bytes,
    'a',
    NODE.bytes,
    EXECUTABLE.bytes,
    'contents',
    CLOSE_ENTRY.bytes,
    ENTRY.bytes,
    'b',
    NODE.bytes,
    SYMLINK.bytes,
    'a',
    CLOSE_ENTRY.bytes,
    CLOSE.bytes,
  );
  const words = bytesOf(
    'nix-archive-1',
    '(',
    'type',
    'directory',
    'entry',
    '(',
    'name',
    'a',
    'node',
    '(',
    'type',
    'regular',
    'executable',
    '',
    'contents',
    'contents',
    ')',
    ')',
    'entry',
    '(',
    'name',
    'b',
    'node',
    '(',
    'type',
    'symlink',
    'target',
    'a',
    ')',
    ')',
    ')',
  );
  assert.deepEqual(folded, words);
});
