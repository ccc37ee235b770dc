import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unreachableStatus, type HostStatus } from '../../deploy/fleet-status.ts';
import { FerryError } from '../../error.ts';
import type { HostFacts } from '../../host/host-facts.ts';
import { displayWidth } from './display-width.ts';
import {
  ageText,
  nameOfPrinted,
  statusHeader,
  statusJson,
  statusLines,
  statusNameWidth,
  statusTotal,
} from './render-fleet-status.ts';

const now = Date.UTC(2026, 10, 21, 20, 0, 0);
const paint = (_look: unknown, text: string): string => text;
const hash = 'a'.repeat(32);
const facts = {
  system: 'x86_64-linux',
  nixVersion: '2.34.8',
  ferryVersion: undefined,
  freeBytes: 12 * 1024 ** 3,
  clockSkewMs: 0,
} as HostFacts;

function status(part: Partial<HostStatus> = {}): HostStatus {
  return {
    host: 'web1',
    profile: '/nix/var/nix/profiles/system',
    standing: 'as-it-should-be',
    wanted: { path: `/nix/store/${hash}-system-v2` },
    path: `/nix/store/${hash}-system-v2`,
    generation: 13,
    sinceMs: now - 3 * 3600_000,
    activePath: undefined,
    needsReboot: false,
    activation: undefined,
    isActivationKnown: true,
    facts,
    error: undefined,
    ...part,
  };
}

const columns = (width: number, verbosity = 0) => ({ name: 5, width, paint, verbosity, now });

test('a row for each host, with less of it on narrow terminals', () => {
  assert.deepEqual(
    [statusHeader(columns(100)), ...statusLines(status(), columns(100))],
    [
      'host   state               generation       since      free  profile',
      'web1   as it should be             13         3 h    12 GiB  system-v2',
    ],
  );
  assert.deepEqual(statusLines(status(), columns(60)), [
    'web1   as it should be             13  system-v2',
  ]);
});

test('below it stands what must be known', () => {
  const lines = statusLines(
    status({
      standing: 'activation-rolled-back',
      path: `/nix/store/${hash}-system-v1`,
      activePath: `/nix/store/${hash}-system-v0`,
      needsReboot: true,
      activation: {
        id: 'x',
        phase: 'rolled-back',
        profile: '/nix/var/nix/profiles/system',
        newPath: `/nix/store/${hash}-system-v2`,
        oldPath: undefined,
        oldGeneration: undefined,
        newGeneration: undefined,
        reason: 'nobody confirmed within 60 s',
        changedAt: now / 1000 - 120,
      },
    }),
    columns(Infinity),
  );
  assert.deepEqual(lines.slice(1), [
    `  should run /nix/store/${hash}-system-v2`,
    `  active is /nix/store/${hash}-system-v0`,
    `  activation of /nix/store/${hash}-system-v2 was taken back 2 min ago: nobody confirmed within 60 s`,
    '  needs a reboot: it runs another kernel than that of its system',
  ]);
});

test('with -v there is more of each, and that something is hidden', () => {
  assert.deepEqual(statusLines(status({ isActivationKnown: false }), columns(100, 1)).slice(1), [
    `  profile leads to /nix/store/${hash}-system-v2`,
    '  whether an activation is under way can be seen by root alone',
    '  x86_64-linux, Nix 2.34.8, no ferry',
  ]);
});

test('of a host that is dead it is said why', () => {
  const error = new FerryError('unavailable', 'cannot log in to "db": timed out', { hint: 'wait' });
  const dead = unreachableStatus({ name: 'db', profile: '/p' }, { path: undefined }, error);
  assert.deepEqual(statusLines(dead, columns(100)), [
    'db     unreachable',
    '  error: cannot log in to "db": timed out',
    '  hint: wait',
  ]);
  assert.deepEqual(statusJson(dead), {
    type: 'host',
    host: 'db',
    state: 'unreachable',
    profile: '/p',
    path: null,
    generation: null,
    since: null,
    wanted: null,
    wantedError: null,
    activePath: null,
    needsReboot: null,
    activation: null,
    isActivationKnown: false,
    system: null,
    nixVersion: null,
    ferryVersion: null,
    freeBytes: null,
    error: { code: 'unavailable', message: 'cannot log in to "db": timed out', hint: 'wait' },
  });
});

test('what is to run and leads nowhere is told beside what runs', () => {
  const error = new FerryError('not-found', '"./result-web1" is not there');
  const lost = status({ standing: 'unsaid', wanted: { path: undefined, error } });
  assert.deepEqual(statusLines(lost, columns(60)), [
    'web1   not said                    13  system-v2',
    '  error: "./result-web1" is not there',
  ]);
  assert.equal(statusTotal([lost]), '1 host is not as it should be; not said: 1');
});

test('nothing that a host says steers the terminal, and names of any width are aligned', () => {
  const evil = status({ host: 'データ\u001b[2J', path: '/\u001b]0;x\u0007', facts: undefined });
  const name = statusNameWidth(['データ\u001b[2J', 'web1'], 100);
  const [row = ''] = statusLines(evil, { ...columns(100), name });
  assert.doesNotMatch(row, /[\u0000-\u001f]/);
  const [other = ''] = statusLines(status(), { ...columns(100), name });
  const before = (text: string): number => displayWidth(text.slice(0, text.indexOf('as it')));
  assert.equal(before(row), before(other));
});

test('ages have one unit, and paths are told by their names', () => {
  const ages = [-5, 0, 59_999, 60_000, 3_599_000, 3_600_000, 86_400_000, 86_400_000 * 1234];
  assert.deepEqual(ages.map(ageText), [
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h',
    '1 d',
    '1,234 d',
  ]);
  assert.equal(nameOfPrinted(`/nix/store/${hash}-system-v2`), 'system-v2');
  assert.equal(nameOfPrinted('/etc/profile'), '/etc/profile');
});

test('the total counts what is not as it should be', () => {
  const other = status({ standing: 'other' });
  assert.equal(statusTotal([status()]), '1 host is as it should be');
  assert.equal(statusTotal([status(), status()]), '2 hosts are as they should be');
  assert.equal(statusTotal([other, other]), 'none of 2 hosts is as it should be; other: 2');
  assert.equal(
    statusTotal([status(), other, other, status({ standing: 'unreachable' })]),
    '1 of 4 hosts is as it should be; other: 2, unreachable: 1',
  );
});
