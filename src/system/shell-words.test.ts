import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { quoteShellWord, splitShellWords } from './shell-words.ts';

const cases: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['  ', []],
  ['-p 22  -i key', ['-p', '22', '-i', 'key']],
  ["-o 'ProxyCommand nc %h %p'", ['-o', 'ProxyCommand nc %h %p']],
  ['-o "User=a b"c', ['-o', 'User=a bc']],
  ['a\\ b', ['a b']],
  ["''", ['']],
  ['"a\\"b\\c"', ['a"b\\c']],
  ["'a\\b'", ['a\\b']],
  ['trailing\\', ['trailing\\']],
];
for (const [text, words] of cases) {
  test(`<${text}> is cut into ${words.length} words`, () => {
    assert.deepEqual(splitShellWords(text), words);
  });
}

test('a quote that is left open is refused', () => {
  assert.throws(() => splitShellWords("-o 'x"), { code: 'usage' });
});

test('what was quoted is split into itself, and what needs no quotes has none', () => {
  assert.equal(quoteShellWord('--store'), '--store');
  assert.equal(quoteShellWord('local?root=/x&y=1'), "'local?root=/x&y=1'");
  fc.assert(
    fc.property(fc.array(fc.string()), (words) => {
      assert.deepEqual(splitShellWords(words.map(quoteShellWord).join(' ')), words);
    }),
  );
});

test('sh reads quoted words back', () => {
  const words = ["it's", 'a b', '$HOME', '`x`', '"', '\\', '', '&;|<>*?'];
  const script = `printf '%s\\n' ${words.map(quoteShellWord).join(' ')}`;
  assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), `${words.join('\n')}\n`);
});
