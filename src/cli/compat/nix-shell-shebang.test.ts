import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeTempDirectory } from '../../../test/support/temp.ts';
import { interpreterCommand, shebangWordsOf, splitShebangWords } from './nix-shell-shebang.ts';

test('words are cut as nix-shell cuts them', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['a b', ['a', 'b']],
    ['  a\t b  ', ['', 'a', 'b']],
    ['-p "a b" \'c "d\'', ['-p', 'a b', 'c "d']],
    ['a\\ b "c\\d" \'e\\f\'', ['a b', 'cd', 'e\\f']],
    ['x""y', ['xy']],
    ["''", ['']],
    ['', ['']],
  ];
  for (const [text, words] of cases) assert.deepEqual(splitShebangWords(text), words, text);
  for (const text of ['"a', "a 'b"]) {
    assert.throws(() => splitShebangWords(text), { code: 'usage', message: /unterminated/ });
  }
});

test('the lines of a script say the words, those of other programs do not count', () => {
  using temp = makeTempDirectory();
  const file = temp.join('script');
  const lines = [
    '#! /usr/bin/env nix-shell',
    '#! nix-shell -i bash --pure ',
    '# a comment',
    "#!nix-shell -p 'x y'",
    '#! other -z',
    'echo #! nix-shell -q',
  ];
  writeFileSync(file, lines.join('\n'));
  assert.deepEqual(shebangWordsOf(file), ['-i', 'bash', '--pure', '-p', 'x y']);
  writeFileSync(file, 'plain\n#! nix-shell -i bash\n');
  assert.equal(shebangWordsOf(file), undefined);
  assert.equal(shebangWordsOf(temp.join('none')), undefined);
  assert.equal(shebangWordsOf(temp.path), undefined);
});

test('the interpreter takes the place of the shell, with script and words quoted', () => {
  assert.equal(
    interpreterCommand('python3 -u', "it's", ['a b']),
    "exec python3 -u 'it'\\''s' 'a b'",
  );
  assert.equal(interpreterCommand('perl', 's', []), "exec -a PERL perl 's'");
  assert.equal(
    interpreterCommand('ruby', 's', ['x']),
    "exec ruby -e 'load(ARGV.shift)' -- 's' 'x'",
  );
});
