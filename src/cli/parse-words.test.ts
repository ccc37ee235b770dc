import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FerryError } from '../error.ts';
import type { ArgumentSpec, OptionSpecs } from './command.ts';
import { editDistance, nearest } from '../config/nearest.ts';
import { parseWords, type ParsedWords } from './parse-words.ts';

const specs: OptionSpecs = {
  dryRun: { help: '', short: 'n' },
  noCheckSigs: { help: '' },
  to: { help: '', short: 't', value: 'STORE' },
  add: { help: '', value: 'X', repeated: true },
  verbose: { help: '', short: 'v', repeated: true },
  option: { help: '', value: 'NAME VALUE', repeated: true },
  mode: { help: '', value: 'MODE', choices: ['nar', 'flat'] },
};
const paths: readonly ArgumentSpec[] = [{ name: 'PATH', help: '', repeated: true, optional: true }];

const parse = (...words: string[]): ParsedWords => parseWords('ferry x', specs, paths, words);

function fails(words: readonly string[], message: RegExp, hint = /see ferry x --help/): void {
  assert.throws(
    () => parse(...words),
    (error: unknown) => {
      assert.ok(error instanceof FerryError);
      assert.equal(error.code, 'usage');
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return true;
    },
  );
}

test('options may stand anywhere, in every spelling', () => {
  const { words, options } = parse(
    'a',
    '--dry-run',
    '-t',
    'b',
    '-vv',
    'c',
    '--add=1',
    '--add',
    '2',
  );
  assert.deepEqual(words, ['a', 'c']);
  assert.deepEqual(options, {
    dryRun: true,
    noCheckSigs: false,
    to: 'b',
    add: ['1', '2'],
    verbose: 2,
    option: [],
    mode: undefined,
  });
  assert.equal(parse('-ntb').options['to'], 'b');
  assert.equal(parse('-nt', 'b').options['to'], 'b');
  assert.equal(parse('--to=a=b').options['to'], 'a=b');
  assert.equal(parse('--to=').options['to'], '');
});

test('after -- everything is a word, and - is one anywhere', () => {
  assert.deepEqual(parse('-', '--', '--dry-run', '--').words, ['-', '--dry-run', '--']);
});

test('an option of two words takes both, whatever they look like', () => {
  const { options } = parse('--option', 'a', '--dry-run', '--option=b', 'c=d');
  assert.deepEqual(options['option'], ['a=--dry-run', 'b=c=d']);
  assert.equal(options['dryRun'], false);
});

test('mistakes are named, and what is near is suggested', () => {
  fails(['--dryrun'], /unknown option "--dryrun"/, /did you mean "--dry-run"/);
  fails(['--no-check-sig'], /unknown option/, /"--no-check-sigs"/);
  fails(['-x'], /unknown option "-x"/);
  fails(['-nx'], /unknown option "-x"/);
  fails(['-dry-run'], /unknown option "-dry-run"/, /"--dry-run"/);
  fails(['--to'], /option "--to" lacks its STORE/);
  fails(['--option', 'a'], /option "--option" lacks its VALUE/);
  fails(['--to', 'a', '--to', 'b'], /"--to" was given twice/);
  fails(['--dry-run=yes'], /"--dry-run" takes no value/);
  fails(['--mode', 'nax'], /--mode "nax" is none of nar, flat/, /did you mean "nar"/);
});

test('arguments are counted', () => {
  const two: ArgumentSpec[] = [
    { name: 'FILE', help: '' },
    { name: 'MEMBER', help: '', optional: true },
  ];
  const count = (...words: string[]): ParsedWords => parseWords('ferry x', {}, two, words);
  assert.throws(() => count(), /no FILE was given/);
  assert.deepEqual(count('a', 'b').words, ['a', 'b']);
  assert.throws(() => count('a', 'b', 'c'), /unexpected argument "c"/);
});

test('near is a few slips of the finger, and no more', () => {
  assert.equal(editDistance('cpoy', 'copy'), 1);
  assert.equal(editDistance('', 'abc'), 3);
  assert.equal(nearest('verfiy', ['ls', 'cat', 'verify']), 'verify');
  assert.equal(nearest('banana', ['ls', 'cat', 'verify']), undefined);
});
