import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveLines } from './live-lines.ts';
import { OrderedOutput } from './ordered-output.ts';
import { isTerminalTaken, withTerminal } from './terminal-turn.ts';

test('while somebody is asked, lines make room, and what is printed comes after', async () => {
  const written: string[] = [];
  const output = new OrderedOutput({
    isTerminal: true,
    hasColours: false,
    width: () => 20,
    write: async (data) => void written.push(String(data)),
  });
  const lines = new LiveLines(output);
  lines.draw(['one', 'two']);
  await output.settled();
  const answer = await withTerminal(async () => {
    assert.match(written.at(-1) ?? '', /^\u001b\[2F\u001b\[J/, 'they are gone by now');
    written.length = 0;
    lines.draw(['one', 'three']);
    lines.print('first');
    lines.print('second');
    await output.settled();
    assert.deepEqual(written, []);
    return 'yes';
  });
  assert.equal(answer, 'yes');
  await output.settled();
  assert.deepEqual(written, ['first\n', 'second\n']);
  lines.draw(['one', 'three']);
  await output.settled();
  assert.equal(written.length, 3);
  lines.clear();
});

test('a question that fails gives the terminal back', async () => {
  const error = new Error('enough');
  await assert.rejects(
    withTerminal(() => Promise.reject(error)),
    error,
  );
  assert.equal(isTerminalTaken(), false);
});
