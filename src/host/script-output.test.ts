import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScriptStderr, ScriptStdout } from './script-output.ts';

const mark = 'ferry-0af1';

for (const [name, text, lines] of [
  ['nothing', '', []],
  ['lines', 'one\ntwo\n', ['one', 'two']],
  ['a last line without an end', 'one\ntwö', ['one', 'twö']],
  [
    'what looks like the mark',
    'ferry-0\nferry-0af2\nfferry-0af',
    ['ferry-0', 'ferry-0af2', 'fferry-0af'],
  ],
] as const) {
  test(`after ${name} the mark is found, however it is cut`, () => {
    const bytes = Buffer.from(`${text}${mark}\nmore that isn't of the script`);
    for (let size = 1; size <= bytes.length; size++) {
      const told: string[] = [];
      const output = new ScriptStdout(mark, (line) => told.push(line));
      for (let at = 0; at < bytes.length; at += size) output.take(bytes.subarray(at, at + size));
      output.end();
      assert.deepEqual([output.isWhole, output.text, told], [true, text, lines]);
    }
  });

  test(`${name} without a mark is not whole, and told all the same`, () => {
    const told: string[] = [];
    const output = new ScriptStdout(mark, (line) => told.push(line));
    output.take(Buffer.from(text));
    output.end();
    assert.deepEqual([output.isWhole, output.text, told], [false, text, lines]);
  });
}

test('a line is told when it is there', () => {
  const told: string[] = [];
  const output = new ScriptStdout(mark, (line) => told.push(line));
  output.take(Buffer.from('one\nt'));
  assert.deepEqual(told, ['one']);
});

test('a line has a limit, and so has what is kept', () => {
  let longest = 0;
  let all = 0;
  const output = new ScriptStdout(mark, (line) => {
    longest = Math.max(longest, line.length);
    all += line.length;
  });
  for (let n = 0; n < 40; n++) output.take(Buffer.alloc(50_000, 'x'));
  output.take(Buffer.from(`${mark}\n`));
  assert.deepEqual([output.text.length, all], [1 << 20, 2_000_000]);
  assert.ok(longest < 200_000);
});

test('the status comes behind the last of stderr', async () => {
  const output = new ScriptStderr(mark);
  for (const character of `one\n\u001b[31mtwo\u001b[0m\n${mark} 7`) output.take(character);
  assert.equal(output.status, undefined);
  output.take('\nmore');
  await output.ended;
  assert.deepEqual([output.status, output.lastLines()], [7, 'one\ntwo']);
});

test('of much on stderr the end is kept', () => {
  const output = new ScriptStderr(mark);
  for (let n = 0; n < 5000; n++) output.take(`line ${n}\n`);
  output.take(`${mark} 0\n`);
  const lines = output.lastLines().split('\n');
  assert.deepEqual([lines.length, lines.at(-1), output.status], [40, 'line 4999', 0]);
});
