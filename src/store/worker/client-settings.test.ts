import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { clientSettings } from './client-settings.ts';

test('without overrides, or with none that concern it, a daemon is told nothing', () => {
  assert.equal(clientSettings(new Map(), false), undefined);
  assert.equal(clientSettings(new Map([['store', 'daemon']]), false), undefined);
  assert.equal(clientSettings(new Map([['max-jobs', '3']]), true), undefined);
});

test('the daemon of this machine is told what was changed, in fields and by name', () => {
  const overrides = new Map([
    ['max-jobs', '3'],
    ['cores', '2'],
    ['fallback', 'true'],
    ['substitute', 'false'],
    ['secret-key-files', '/root/key'],
    ['require-sigs', 'false'],
  ]);
  const settings = clientSettings(overrides, false);
  assert.equal(settings?.maxBuildJobs, 3);
  assert.equal(settings.buildCores, 2);
  assert.equal(settings.tryFallback, true);
  assert.equal(settings.useSubstitutes, false);
  assert.deepEqual(
    [...settings.overrides.keys()].sort(),
    ['cores', 'fallback', 'max-jobs', 'require-sigs', 'substitute'],
    'and where our keys are is our business',
  );
});

test('a machine elsewhere is told how to fetch, and nothing else', () => {
  const overrides = new Map([
    ['substituters', 'https://a'],
    ['connect-timeout', '5'],
    ['max-jobs', 'auto'],
    ['require-sigs', 'false'],
  ]);
  const settings = clientSettings(overrides, true);
  assert.deepEqual(
    settings?.overrides,
    new Map([
      ['substituters', 'https://a'],
      ['connect-timeout', '5'],
    ]),
  );
  assert.equal(settings.maxBuildJobs, availableParallelism());
});
