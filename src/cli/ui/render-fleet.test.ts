import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Host } from '../../deploy/fleet.ts';
import { activationText, fleetBlocks, fleetJson, fleetTable } from './render-fleet.ts';

const plain = (_look: unknown, text: string): string => text;

function host(more: Partial<Host> = {}): Host {
  return {
    name: 'a',
    uri: 'ssh://root@10.0.0.7?ssh-key=/key',
    becomeRoot: 'auto',
    tags: [],
    closure: undefined,
    system: undefined,
    profile: '/p',
    activation: { kind: 'auto' },
    pins: [],
    healthChecks: [],
    activationTimeoutMs: 600_000,
    confirmTimeoutMs: 60_000,
    origin: 'ferry.toml',
    ...more,
  };
}

test('a table has columns that line up, and none where there is nothing to say', () => {
  const { lines, width } = fleetTable([host(), host({ name: 'longer', tags: ['x', 'y'] })], plain);
  assert.deepEqual(lines, [
    'host    reached at           tags  profile  activation  from\n',
    'a       ssh://root@10.0.0.7  -     /p       auto        ferry.toml\n',
    'longer  ssh://root@10.0.0.7  x,y   /p       auto        ferry.toml\n',
  ]);
  assert.equal(width, 'a       ssh://root@10.0.0.7  -     /p       auto        ferry.toml'.length);
  assert.deepEqual(fleetTable([], plain), { width: 0, lines: [] });
});

test('names that take two columns a letter line up too', () => {
  const { lines } = fleetTable([host({ name: '東京' }), host({ name: 'abcd' })], plain);
  assert.equal(lines[1]?.indexOf('ssh://'), 4);
  assert.equal(lines[2]?.indexOf('ssh://'), 6);
});

test('what inventories have steers no terminal', () => {
  const bad = host({
    closure: './x\u001b[31m\n./y',
    activation: { kind: 'command', command: 'a\nb\u0007' },
  });
  const { lines } = fleetTable([bad], plain);
  assert.match(lines[1] ?? '', /\.\/x\\x1b\[31m \.\/y .* sh: a b\\x07 /);
  assert.doesNotMatch([...fleetBlocks([bad], plain)].join(''), /[\u001b\u0007]/);
});

test('a block says what is not as usual', () => {
  const one = host({
    becomeRoot: 'doas',
    tags: ['x', 'y'],
    closure: './c',
    system: 'x86_64-linux',
    activation: { kind: 'program', path: 'bin/activate' },
    pins: [
      { link: '/l', source: undefined },
      { link: '/m', source: '/s' },
    ],
    healthChecks: [
      { kind: 'command', command: 'true', timeoutMs: 10_000 },
      { kind: 'tcp', port: 80, timeoutMs: 5000 },
      { kind: 'http', url: 'http://{host}/', timeoutMs: 60_000 },
    ],
    activationTimeoutMs: 1000,
    confirmTimeoutMs: 120_000,
  });
  assert.deepEqual([...fleetBlocks([one, host({ name: 'b' })], plain)].join('').split('\n'), [
    'a',
    '  reached at  ssh://root@10.0.0.7?ssh-key=/key',
    '  tags        x, y',
    '  closure     ./c',
    '  system      x86_64-linux',
    '  profile     /p',
    '  activation  bin/activate',
    '  root by     doas',
    '  pin         /l',
    '  pin         /m -> /s',
    '  health      sh: true, within 10 s',
    '  health      port 80 within 5.0 s',
    '  health      http://{host}/ within 1 min',
    '  may take    1.0 s',
    '  confirm in  2 min',
    '  from        ferry.toml',
    '',
    'b',
    '  reached at  ssh://root@10.0.0.7?ssh-key=/key',
    '  profile     /p',
    '  activation  auto',
    '  from        ferry.toml',
    '',
  ]);
});

test('activations in a few words', () => {
  assert.equal(activationText({ kind: 'nixos', action: 'boot' }), 'boot');
  assert.equal(activationText({ kind: 'none' }), 'none');
});

test('JSON has null where nothing is said', () => {
  const { version, hosts } = JSON.parse(
    fleetJson([host({ pins: [{ link: '/l', source: undefined }] })]),
  ) as {
    version: number;
    hosts: readonly Readonly<Record<string, unknown>>[];
  };
  assert.equal(version, 1);
  assert.deepEqual(
    [hosts[0]?.['closure'], hosts[0]?.['system'], hosts[0]?.['pins']],
    [null, null, [{ link: '/l', source: null }]],
  );
});
