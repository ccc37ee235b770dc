import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFerryError } from '../error.ts';
import { findNetrc, parseNetrc, readNetrc, type NetrcEntry } from './netrc.ts';

const parse = (text: string): NetrcEntry[] => parseNetrc(text, '/etc/nix/netrc');

test('an entry may stand on one line or on several', () => {
  const entry = { machine: 'cache.example.org', login: 'alice', password: 's3cret' };
  assert.deepEqual(parse('machine cache.example.org login alice password s3cret'), [entry]);
  assert.deepEqual(parse('machine\tCache.Example.org\r\n login alice\r\n  password s3cret\r\n'), [
    entry,
  ]);
});

test('words in quotes have blanks and escapes', () => {
  const [entry] = parse('machine h login "a b" password "q\\"\\\\#\\n\\t"');
  assert.equal(entry?.login, 'a b');
  assert.equal(entry?.password, 'q"\\#\n\t');
});

test('comments end with the line, and begin a word', () => {
  const text = '# machine x login y\nmachine h # password no\nlogin a#b password "#c"\n#';
  assert.deepEqual(parse(text), [{ machine: 'h', login: 'a#b', password: '#c' }]);
});

test('macros, accounts and unknown words are passed over', () => {
  const text = [
    'machine one login a account z password b',
    'macdef init',
    'machine fake login x password y',
    '',
    'port 8080 machine two password d',
  ].join('\n');
  assert.deepEqual(parse(text), [
    { machine: 'one', login: 'a', password: 'b' },
    { machine: 'two', login: undefined, password: 'd' },
  ]);
  assert.deepEqual(parse('machine one login a\nmacdef m\nnever ends'), [
    { machine: 'one', login: 'a', password: undefined },
  ]);
});

test('what stands before any machine belongs to none', () => {
  assert.deepEqual(parse('login a password b'), []);
  assert.deepEqual(parse(''), []);
});

test('the first entry that fits counts, default only where it may', () => {
  const entries = parse(
    'machine a login 1 machine a login 2 password p default login d machine late login l',
  );
  const find = (host: string, user?: string, allowDefault = true): string | undefined =>
    findNetrc(entries, host, { user, allowDefault })?.login;
  assert.equal(find('a'), '1');
  assert.equal(find('A'), '1');
  assert.equal(find('a', '2'), '2');
  assert.equal(find('a', 'nobody'), undefined);
  assert.equal(find('b'), 'd');
  assert.equal(find('b', undefined, false), undefined);
  assert.equal(find('late'), 'd');
  assert.equal(find('sub.a', undefined, false), undefined);
});

for (const [text, problem] of [
  ['machine', /line 1: nothing follows "machine"/],
  ['machine h\nlogin a\npassword', /line 3: nothing follows "password"/],
  ['machine h password "s3cret', /line 1: a quote is not closed/],
  ['machine h password "s3\ncret"', /line 1: a quote is not closed/],
  ['machine h\n'.repeat(10_002), /more than 10000 entries/],
] as const) {
  test(`${JSON.stringify(text.slice(0, 40))} is refused, with its line and none of its words`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(isFerryError(error, 'usage'));
        assert.match(error.message, problem);
        assert.doesNotMatch(error.message, /s3/);
        return true;
      },
    );
  });
}

test('a file that everybody may read is warned of, one that isn’t there has no entries', () => {
  const directory = mkdtempSync(join(tmpdir(), 'ferry-netrc-'));
  try {
    const file = join(directory, 'netrc');
    assert.deepEqual(readNetrc(file), { entries: [] });
    writeFileSync(file, 'machine h login a password b', { mode: 0o600 });
    assert.equal(readNetrc(file).warning, undefined);
    assert.equal(readNetrc(file).entries.length, 1);
    chmodSync(file, 0o644);
    assert.match(readNetrc(file).warning ?? '', /mode 0644 lets everybody read it/);
    assert.match(readNetrc(directory).unreadable ?? '', /directory/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
