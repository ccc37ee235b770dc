import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplePath } from '../../../test/conformance/nars.ts';
import { MemoryObjects } from '../../../test/support/memory-objects.ts';
import { ReadAhead } from './read-ahead.ts';

test('what says that it is tiny and is not, is not held in memory', async () => {
  const objects = new MemoryObjects();
  const { signal } = new AbortController();
  const contents = new Uint8Array(900_000);
  objects.set('nar/honest', contents);
  objects.set('nar/liar', contents);
  const honest = samplePath('honest').info;
  const liar = samplePath('liar').info;
  const ahead = new ReadAhead(objects, signal);
  ahead.fetch([
    { info: honest, url: 'nar/honest', compression: 'none', fileSize: contents.length },
    { info: liar, url: 'nar/liar', compression: 'none', fileSize: 10 },
  ]);
  assert.equal((await ahead.take(honest.path))?.length, contents.length);
  assert.equal(await ahead.take(liar.path), undefined);
  assert.equal(objects.openBodies, 0);
});
