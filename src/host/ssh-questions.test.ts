import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSshConfig } from '../system/ssh-config.ts';
import type { SshUri } from './host-login.ts';
import { nameOfAnswer, shown } from './ssh-questions.ts';

const uriOf = (host: string, port: number): SshUri => ({
  kind: 'ssh',
  user: 'alice',
  host,
  port,
  parameters: new Map(),
});
const config = parseSshConfig('user alice\nhostname 10.0.0.7\nport 22\nhostkeyalias fleet\n');
const nameAt = (text: string, host = 'web', port = 22, tellsWhoAsks = true): string | undefined =>
  nameOfAnswer(text, { uri: uriOf(host, port), calls: { config } as never }, tellsWhoAsks);

test('the passphrase of a key and the password of a host on the way serve all hosts', () => {
  for (const text of [
    "Enter passphrase for key '/home/alice/.ssh/id_ed25519': ",
    "alice@bastion's password: ",
  ]) {
    assert.notEqual(nameAt(text), undefined);
    assert.equal(nameAt(text, 'web', 22), nameAt(text, 'other', 2222));
  }
});

test('where ssh does not tell who asks, no answer serves another host', () => {
  for (const text of ["Enter passphrase for key '/k': ", "alice@bastion's password: "]) {
    assert.notEqual(nameAt(text, 'web', 22, false), nameAt(text, 'other', 22, false));
  }
});

test('a password of the host itself serves no other, whatever it is called', () => {
  for (const text of [
    "alice@10.0.0.7's password: ",
    "alice@fleet's password: ",
    '(alice@10.0.0.7) Password: ',
    // A server's own words can't pass for those of ssh.
    "(alice@10.0.0.7) alice@bastion's password: ",
    "(alice@10.0.0.7) Enter passphrase for key '/home/alice/.ssh/id_ed25519': ",
    'anything',
  ]) {
    assert.notEqual(nameAt(text), undefined);
    assert.notEqual(nameAt(text, 'web', 22), nameAt(text, 'web', 2222), text);
    assert.notEqual(nameAt(text, 'web'), nameAt(text, 'other'), text);
  }
});

test('what is good for once is not remembered', () => {
  for (const text of [
    '(alice@web) Verification code: ',
    '(alice@web) One-time password (OATH) for `alice`: ',
    '(alice@web) Enter your token: ',
    'Enter PIN for ED25519-SK key /home/alice/.ssh/id: ',
  ]) {
    assert.equal(nameAt(text), undefined, text);
  }
});

test('a question can not pass for that of another host', () => {
  const texts = [
    '(a@web) x\nother: (b@other) Password: ',
    '(a@web) \u202eedoc\u2028other: \u001b[1G',
  ];
  assert.deepEqual(
    texts.map((text) => shown('web', text, false)),
    ['web: (a@web) x\nweb: other: (b@other) Password: ', 'web: (a@web) edocother: '],
  );
});
