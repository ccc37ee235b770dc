import assert from 'node:assert/strict';
import { test } from 'node:test';
import { releaseChunk, shareChunk } from './release.ts';

test('the memory of a chunk is given back, that of a view is not', () => {
  const chunk = new Uint8Array(10);
  const view = new Uint8Array(10).subarray(1);
  releaseChunk(chunk);
  releaseChunk(view);
  assert.deepEqual([chunk.length, view.length], [0, 9]);
});

test('a chunk of several owners is given back by the last of them', () => {
  const chunk = new Uint8Array(10);
  shareChunk(chunk, 3);
  releaseChunk(chunk);
  releaseChunk(chunk);
  assert.equal(chunk.length, 10);
  releaseChunk(chunk);
  assert.equal(chunk.length, 0);
});

test('an owner of a part keeps the whole', () => {
  const chunk = new Uint8Array(10);
  shareChunk(chunk, 2);
  const part = chunk.subarray(4);
  releaseChunk(part);
  releaseChunk(chunk);
  assert.deepEqual([chunk.length, part.length], [10, 6]);
});
