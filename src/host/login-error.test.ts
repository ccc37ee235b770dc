import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loginError } from './login-error.ts';
import { RootRefused, sessionError } from './session-error.ts';

for (const [name, said, code, message] of [
  [
    'nobody listens',
    'ssh: connect to host 10.0.0.7 port 22: Connection refused',
    'unavailable',
    'cannot log in to "web": ssh: connect to host 10.0.0.7 port 22: Connection refused',
  ],
  [
    'a wrong key',
    'A banner\nof two lines\nalice@web: Permission denied (publickey).',
    'denied',
    'cannot log in to "web": alice@web: Permission denied (publickey).',
  ],
  [
    'an unknown host',
    'Warning: Permanently added x\nNo ED25519 host key is known for web and you have requested strict checking.\nHost key verification failed.',
    'denied',
    'cannot log in to "web": Host key verification failed.',
  ],
  ['no word', '', 'unavailable', 'cannot log in to "web": ssh ended with status 255'],
] as const) {
  test(`${name} is ${code}`, () => {
    const error = loginError('web', { said, status: 255 });
    assert.deepEqual([error.code, error.message], [code, message]);
  });
}

test('a key that changed is told with what helps', () => {
  const said =
    '@@@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.';
  assert.match(loginError('web', { said, status: 255 }).hint ?? '', /ssh-keygen -R/);
});

test('why a session did not begin', () => {
  const of = (said: string, status: number | undefined, noise = ''): [string, string] => {
    const { code, message } = sessionError('web', { said, status }, noise);
    return [code, message];
  };
  assert.deepEqual(of('', 1, 'This account is currently not available.'), [
    'denied',
    'cannot begin a session on "web": it answered "This account is currently not available."',
  ]);
  assert.deepEqual(of('', 255), [
    'unavailable',
    'cannot begin a session on "web": the connection was lost',
  ]);
  assert.equal(of('exec: /bin/sh: not found', 127)[0], 'not-found');
  assert.deepEqual(of('sudo: a password is required', 1), [
    'denied',
    'cannot become root on "web": sudo: a password is required',
  ]);
  const said = 'Sorry, try again.\nfrank is not in the sudoers file.';
  const refused = sessionError('web', { said, status: 1 }, '');
  assert.ok(refused instanceof RootRefused);
  assert.equal(refused.message, 'cannot become root on "web": frank is not in the sudoers file.');
});
