import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TypedLine } from './ask-secret.ts';

function type(text: string): { text: string; shown: string; isDone: boolean } {
  let shown = '';
  const line = new TypedLine((more) => (shown += more));
  let isDone = false;
  for (const character of text) isDone = line.take(character);
  return { text: line.text, shown, isDone };
}

test('a line is edited as on any terminal, and ends with its end', () => {
  assert.deepEqual(type('secret\r'), { text: 'secret', shown: 'secret', isDone: true });
  assert.deepEqual(type('a\u007f\u007fbü\u007fc\n'), {
    text: 'bc',
    shown: 'a\b \bbü\b \bc',
    isDone: true,
  });
  assert.deepEqual(type('abc\u0015x'), {
    text: 'x',
    shown: `abc${'\b \b'.repeat(3)}x`,
    isDone: false,
  });
  assert.deepEqual(type('x\u0004'), { text: 'x', shown: 'x', isDone: true });
});

test('keys that stand for no letter are no part of it, and it has a limit', () => {
  assert.equal(type('a\u001b\u0007b\tc').text, 'abc');
  assert.equal(type('x'.repeat(10_000)).text.length, 4096);
});
