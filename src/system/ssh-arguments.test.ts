import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remoteCommand, sshArguments } from './ssh-arguments.ts';
import { parseSshConfig, sshDefaults } from './ssh-config.ts';

const started = ['-oPermitLocalCommand=yes', '-oLocalCommand=echo started'];
const command = remoteCommand(['nix-store'], ['--serve', '--write']);

test('the plain command line is that of Nix', () => {
  assert.deepEqual(sshArguments({ target: { host: 'far' }, command }), [
    'far',
    '-x',
    ...started,
    '--',
    'nix-store',
    '--serve',
    '--write',
  ]);
});

test('options of the user come first, then those of the URI, then ours', () => {
  const args = sshArguments({
    target: { user: 'alice', host: 'far', port: 2222 },
    options: ['-F', 'config'],
    identityFile: 'key',
    knownHostsFile: 'known',
    compress: true,
    verbose: true,
    defaults: ['-oServerAliveInterval=15'],
    sharing: { socket: '/tmp/s', isMaster: false },
    command,
  });
  assert.deepEqual(args, [
    'alice@far',
    '-x',
    '-F',
    'config',
    '-i',
    'key',
    '-oUserKnownHostsFile=known',
    '-C',
    '-p2222',
    ...started,
    '-oServerAliveInterval=15',
    '-S',
    '/tmp/s',
    '-v',
    '--',
    ...command,
  ]);
});

test('what we add to the command is quoted, the words of the program are not', () => {
  assert.deepEqual(remoteCommand(['~/bin/nix-store'], ['--store', 'local?root=/x&a=b']), [
    '~/bin/nix-store',
    '--store',
    "'local?root=/x&a=b'",
  ]);
});

const others = 'aes128-ctr,aes192-ctr,aes256-ctr';
const plainText = `hostname far
port 22
serveraliveinterval 0
connecttimeout none
ciphers chacha20-poly1305@openssh.com,${others},aes128-gcm@openssh.com,aes256-gcm@openssh.com
`;
const configured = (lines: string): string[] =>
  sshDefaults(parseSshConfig(lines + plainText), true);

test('what the user left open is filled in', () => {
  assert.deepEqual(configured(''), [
    '-oServerAliveInterval=15',
    '-oConnectTimeout=30',
    `-oCiphers=aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,${others},aes256-gcm@openssh.com`,
  ]);
});

test('what the user said stands', () => {
  assert.deepEqual(
    configured('serveraliveinterval 60\nconnecttimeout 5\nciphers aes256-ctr\n'),
    [],
  );
});

test('behind a jump host the user may have to type, so there is no time limit', () => {
  for (const jump of ['proxyjump bastion\n', 'proxycommand nc %h %p\n']) {
    assert.ok(!configured(jump).includes('-oConnectTimeout=30'));
  }
});

test('without AES in hardware, or where somebody chose, ciphers are left alone', () => {
  const plain = parseSshConfig(plainText);
  assert.ok(!sshDefaults(plain, false).some((option) => option.includes('Ciphers')));
  const chosen = parseSshConfig('hostname far\nciphers aes256-gcm@openssh.com,aes128-ctr\n');
  assert.ok(!sshDefaults(chosen, true).some((option) => option.includes('Ciphers')));
});

test("Debian's interval for batch mode counts as left open", () => {
  const lines = 'batchmode yes\nserveraliveinterval 300\n';
  assert.ok(configured(lines).includes('-oServerAliveInterval=15'));
});

test('an ssh that can not tell still notices a peer that is gone', () => {
  assert.equal(parseSshConfig('unknown option -- G\n'), undefined);
  assert.deepEqual(sshDefaults(undefined, true), ['-oServerAliveInterval=15']);
});
