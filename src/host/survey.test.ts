import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isFerryError } from '../error.ts';
import { parseSurvey, sessionSetUp, surveyHost, type Survey } from './survey.ts';
import type { BecomeRoot } from './host-target.ts';

const plain: Readonly<Record<string, string>> = {
  time: '1700000000',
  user: 'alice',
  uid: '1000',
  home: '/home/alice',
  os: 'Linux',
  machine: 'aarch64',
  boot: 'b-1',
  df: '/dev/sda 1 x 1000000 400000 600000 40% /nix and more',
  'program.nix-store': '/nix/bin/nix-store',
  'version.nix-store': 'nix-store (Nix) 2.34.8',
  'program.nix-env': '/nix/bin/nix-env',
  'program.ferry': '/usr/local/bin/ferry',
  'version.ferry': 'ferry 0.5.0',
  end: 'yes',
};

async function survey(
  changes: Readonly<Record<string, string | undefined>> = {},
  becomeRoot: BecomeRoot = 'auto',
): Promise<Survey> {
  const values = Object.entries({ ...plain, ...changes }).filter(
    ([, value]) => value !== undefined,
  );
  const stdout = values.map(([key, value]) => `${key}=${value}\n`).join('');
  const run = async () => ({ status: 0, stdout, stderr: '' });
  return await surveyHost({ name: 'web', storeDir: '/nix/store', becomeRoot, run });
}

test('what a host says becomes facts', async () => {
  const { facts, programDirectories } = await survey({ systemd: 'yes' });
  const { clockSkewMs, ...rest } = facts;
  assert.ok(Math.abs(clockSkewMs + Date.now() - 1_700_000_000_500) < 60_000);
  assert.deepEqual(rest, {
    system: 'aarch64-linux',
    extraSystems: [],
    user: 'alice',
    home: '/home/alice',
    becomesRoot: { how: 'impossible', why: 'there is neither sudo nor doas' },
    nixVersion: '2.34.8',
    ferryVersion: '0.5.0',
    nixStore: ['/nix/bin/nix-store'],
    nixEnv: ['/nix/bin/nix-env'],
    hasSystemd: true,
    bootId: 'b-1',
    freeBytes: 600_000 * 1024,
  });
  assert.deepEqual(programDirectories, ['/usr/local/bin', '/nix/bin']);
});

test('ferry stands in for programs of Nix that are not there, or do not run', async () => {
  const { facts } = await survey({ 'version.nix-store': '' });
  assert.equal(facts.nixVersion, undefined);
  assert.deepEqual(facts.nixStore, ['/usr/local/bin/ferry', 'nix-store']);
  assert.deepEqual(facts.nixEnv, ['/usr/local/bin/ferry', 'nix-env']);
  const none = await survey({ 'version.nix-store': '', 'version.ferry': undefined });
  assert.equal(none.facts.nixStore, undefined);
});

test('a Nix of others has a version too', async () => {
  const { facts } = await survey({ 'version.nix-store': 'nix-store (Lix, like Nix) 2.91.1' });
  assert.equal(facts.nixVersion, '2.91.1');
});

const sudo = { 'program.sudo': '/usr/bin/sudo' };
const wanting = { ...sudo, 'status.sudo': '1', 'said.sudo': 'sudo: a password is required' };
const doas = { 'program.doas': '/usr/bin/doas', 'status.doas': '0', 'said.doas': '' };

for (const [name, changes, how] of [
  ['being it', { uid: '0' }, { how: 'is-root' }],
  [
    'sudo without a password',
    { ...sudo, 'status.sudo': '0', 'said.sudo': '' },
    { how: 'sudo', needsPassword: false },
  ],
  ['sudo with one', wanting, { how: 'sudo', needsPassword: true }],
  [
    'doas, where sudo wants a password',
    { ...wanting, ...doas },
    { how: 'doas', needsPassword: false },
  ],
  [
    'nothing, where sudo refuses',
    { ...sudo, 'status.sudo': '1', 'said.sudo': 'alice is not allowed' },
    { how: 'impossible', why: 'alice is not allowed' },
  ],
] as const) {
  test(`root is reached by ${name}`, async () => {
    const { facts } = await survey(changes);
    assert.deepEqual(facts.becomesRoot, how);
  });
}

test('a sudo that wants a terminal gets one', async () => {
  const said = 'sudo: sorry, you must have a tty to run sudo';
  const { roots } = await survey({ ...sudo, 'status.sudo': '1', 'said.sudo': said });
  assert.deepEqual(roots, [
    { how: 'sudo', program: '/usr/bin/sudo', needsPassword: true, needsTerminal: true },
  ]);
});

test('why nobody becomes root follows what was asked for', async () => {
  for (const [becomeRoot, why] of [
    ['sudo', 'there is no sudo'],
    ['never', 'nothing is to become root there'],
  ] as const) {
    const { facts } = await survey({}, becomeRoot);
    assert.deepEqual(facts.becomesRoot, { how: 'impossible', why });
  }
});

test('a user can not pass for a part of a question', async () => {
  const names = ['x" on "other', 'x\u201d\u2800on\u2800\u201cother', '\u202erehto', 'x\ufeff'];
  for (const user of names) assert.equal((await survey({ user })).facts.user, 'user 1000');
  for (const user of ['alice', 'WORK\\bob', 'bob@work.example', 'j\u00f6rg', 'pc$']) {
    assert.equal((await survey({ user })).facts.user, user);
  }
});

test('free space that can not be known is left open', async () => {
  for (const df of ['', 'df: unknown', '/dev/sda 10 10 - - /', 'x 1 2 -3 4% /']) {
    assert.equal((await survey({ df })).facts.freeBytes, undefined, df);
  }
});

test('what precedes a session finds the programs, and the store of the user', async () => {
  const found = await survey({
    'program.nix-store': "/it's/nix-store",
    'env.NIX_STATE_DIR': '/var/my nix',
    'env.NIX_REMOTE': 'daemon',
  });
  assert.equal(
    sessionSetUp(found, false),
    "PATH=$PATH:/usr/local/bin:'/it'\\''s':/nix/bin;export PATH;",
  );
  assert.equal(
    sessionSetUp(found, true),
    "PATH=$PATH:/usr/local/bin:'/it'\\''s':/nix/bin;export PATH;HOME=~root;export HOME;NIX_STATE_DIR='/var/my nix';export NIX_STATE_DIR;",
  );
});

const whole = Object.entries(plain)
  .map(([key, value]) => `${key}=${value}\n`)
  .join('');

test('answers that are not whole, or strange, are none', async () => {
  assert.notEqual(parseSurvey(whole), undefined);
  for (const text of [
    '',
    whole.replace('end=yes\n', ''),
    whole.replace('uid=1000\n', ''),
    `${whole}user=root\n`,
    `${whole}a line\n`,
    `${whole}../x=1\n`,
    `${whole}=x\n`,
    `${whole}long=${'x'.repeat(5000)}\n`,
    whole + Array.from({ length: 200 }, (_, n) => `a.${'b'.repeat(n + 1)}=1\n`).join(''),
  ]) {
    assert.equal(parseSurvey(text), undefined, text.slice(-80));
  }
  const run = async () => ({ status: 2, stdout: 'time=1\n', stderr: 'sh: no' });
  await assert.rejects(
    surveyHost({ name: 'web', storeDir: '/nix/store', becomeRoot: 'auto', run }),
    (error) =>
      isFerryError(error, 'protocol') &&
      error.message === 'cannot survey "web": its answers are incomplete (status 2): sh: no',
  );
});

test('no control character comes through', () => {
  const values = parseSurvey(`${whole}said.sudo=\x1b[2Jno\x07\n`);
  assert.equal(values?.get('said.sudo'), 'no');
});

test('whatever a host says, nothing else is thrown', () => {
  const piece = fc.constantFrom(...whole.split('\n'), '=', 'said.sudo=', '\x1b]0;x\x07', 'end=yes');
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }), (lines) => {
      const values = parseSurvey(lines.join('\n'));
      if (values !== undefined) assert.ok(values.has('end'));
    }),
  );
});
