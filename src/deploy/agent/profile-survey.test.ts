import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLocalHost } from '../../../test/support/local-host.ts';
import { parseSurvey, surveyProfile } from './profile-survey.ts';

const profile = '/nix/var/nix/profiles/system';

test('what a host says of a profile is read', () => {
  const survey = parseSurvey(profile, [
    'leads system-12-link',
    'since 1795299999',
    'path /nix/store/0-b',
    'booted /nix/store/0-a',
    'active /nix/store/0-b',
    'generation 12 1795294721 /nix/store/0-b',
    'generation 9 1795290000 /nix/store/0-a',
    'end',
  ]);
  assert.deepEqual(survey, {
    current: 12,
    currentPath: '/nix/store/0-b',
    currentSinceMs: 1795299999000,
    generations: [
      { number: 9, path: '/nix/store/0-a', createdAtMs: 1795290000000 },
      { number: 12, path: '/nix/store/0-b', createdAtMs: 1795294721000 },
    ],
    bootedPath: '/nix/store/0-a',
    activePath: '/nix/store/0-b',
  });
});

test('a profile may lead by a whole path, or elsewhere', () => {
  const currentOf = (leads: string): number | undefined =>
    parseSurvey(profile, [`leads ${leads}`, 'end']).current;
  assert.equal(currentOf('/nix/var/nix/profiles/system-3-link'), 3);
  assert.equal(currentOf('/nix/store/0-a'), undefined);
  assert.equal(currentOf('/elsewhere/system-3-link'), undefined);
  assert.equal(currentOf('other-3-link'), undefined);
  assert.equal(currentOf('system-3-link-more'), undefined);
});

for (const [what, lines] of Object.entries({
  nothing: [],
  'no end': ['leads system-1-link'],
  'something after it': ['end', 'leads system-1-link'],
  'a field twice': ['path /a', 'path /b', 'end'],
  'a field nobody knows': ['colour red', 'end'],
  'a time that is none': ['leads system-1-link', 'since now', 'end'],
  'an escape': ['path /a\u001b[2J', 'end'],
  'a generation without a time': ['generation 1 /nix/store/0-a', 'end'],
  'a generation of a relative path': ['generation 1 1 a', 'end'],
})) {
  test(`a survey with ${what} is refused`, () => {
    assert.throws(() => parseSurvey(profile, lines), { code: 'protocol' });
  });
}

test('the generations of a profile are found, whatever lies beside them', async () => {
  await using host = openLocalHost();
  const directory = host.temp.join("it's a [b]*");
  mkdirSync(directory);
  const at = (name: string): string => join(directory, name);
  const names = ['p-2-link', 'p-10-link', 'p-x-link', 'p-link', 'p--link', 'q-1-link', 'p-3'];
  for (const name of names) symlinkSync(`/nix/store/0-${name}`, at(name));
  symlinkSync('/nix/store/0-two\nlines', at('p-4-link'));
  symlinkSync('p-10-link', at('p'));
  const survey = await surveyProfile(host.connection, at('p'));
  assert.equal(survey.current, 10);
  assert.equal(survey.currentPath, '/nix/store/0-p-10-link');
  assert.equal(survey.currentSinceMs, Math.floor(lstatSync(at('p')).mtimeMs / 1000) * 1000);
  assert.deepEqual(
    survey.generations.map(({ number, path }) => [number, path]),
    [
      [2, '/nix/store/0-p-2-link'],
      [10, '/nix/store/0-p-10-link'],
    ],
  );
});
