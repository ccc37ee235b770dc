import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, sample, string } from 'fast-check';
import { openLocalHost } from '../../../test/support/local-host.ts';
import { assignments, newActivationId, requireProfile, turnsKey } from './request.ts';
import { printable } from './run-script.ts';

test('a shell reads what it is assigned as it was', async () => {
  await using host = openLocalHost();
  const word = string({ unit: 'binary-ascii', maxLength: 40 }).map((text) =>
    // A shell has no null bytes.
    text.replaceAll('\0', ''),
  );
  const words = sample(array(word, { minLength: 30, maxLength: 30 }), 3).flat();
  words.push("it's", '$HOME `id` $(id) \\', 'two\nlines\n', '!x', '-n', 'é\u{1f600}');
  const script = words
    .map((text) => `${assignments({ value: text })}printf '%s\\0' "$value"\n`)
    .join('');
  const { stdout } = await host.connection.run(script);
  assert.deepEqual(stdout.split('\0').slice(0, -1), words);
});

test('no null byte gets into a script', () => {
  assert.throws(() => assignments({ value: 'a\0b' }), { code: 'usage' });
});

test('an id names a directory, whatever the profile is called', () => {
  for (const profile of ['/nix/var/nix/profiles/system', '/a/--É / x', `/${'y'.repeat(300)}`]) {
    assert.match(newActivationId(profile), /^a-(?:[a-z0-9]+-)*[0-9a-f]{16}$/);
    assert.match(turnsKey(profile), /^[0-9a-f]{32}$/);
  }
  assert.notEqual(newActivationId('/a'), newActivationId('/a'));
});

test('a profile is a plain path', () => {
  requireProfile("/home/a b/it's");
  for (const profile of ['', 'a', '/', '/a/', '/a//b', '/a/../b', '/a/./b', '/a\nb', '/a\0b']) {
    assert.throws(() => requireProfile(profile), { code: 'usage' }, profile);
  }
});

test('a line for a terminal has nothing in it that moves a cursor or turns text around', () => {
  assert.equal(printable('\u001b[31mred\u001b[0m \u001b]0;title\u0007x'), 'red x');
  assert.equal(printable('a\tb\rc\u0008'), 'a  bc');
  assert.equal(printable('evil\u202etxt.exe\u2066'), 'eviltxt.exe');
});
