import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Host } from '../fleet.ts';
import { chooseHosts } from './choose-hosts.ts';
import type { FleetConfig, HostConfig } from './define-fleet.ts';
import { makeInventory, type FoundHost, type Inventory, type InventoryParts } from './inventory.ts';

function inventoryOf(config: FleetConfig, parts: Partial<InventoryParts> = {}): Inventory {
  return makeInventory({
    config,
    configName: 'ferry.toml',
    found: [],
    uris: [],
    overrides: {},
    ...parts,
  });
}

function hostOf(config: FleetConfig, name = 'a', parts: Partial<InventoryParts> = {}): Host {
  const host = inventoryOf(config, parts).hosts.get(name);
  assert.ok(host !== undefined);
  return host;
}

function foundHost(name: string, config: HostConfig, of: Partial<FoundHost> = {}): FoundHost {
  return { name, origin: `Terraform: ${name}`, source: 'Terraform', config, ...of };
}

describe('a host', () => {
  test('of which nothing is said is reached by its name', () => {
    assert.deepEqual(hostOf({ hosts: { a: {} } }), {
      name: 'a',
      uri: 'ssh://a',
      becomeRoot: 'auto',
      tags: [],
      closure: undefined,
      system: undefined,
      profile: '/nix/var/nix/profiles/system',
      activation: { kind: 'auto' },
      pins: [],
      healthChecks: [],
      activationTimeoutMs: 600_000,
      confirmTimeoutMs: 60_000,
      origin: 'ferry.toml',
    });
  });

  test('has what it says itself before its tags, later tags before earlier, tags before defaults', () => {
    const config: FleetConfig = {
      defaults: { user: 'd', profile: '/d', closure: './d', system: 'x86_64-linux', port: 1 },
      tags: { one: { profile: '/1', closure: './1', port: 2 }, two: { closure: './2', port: 3 } },
      hosts: { a: { tags: ['one', 'two'], port: 4 }, b: { tags: ['two', 'one'] } },
    };
    const a = hostOf(config);
    assert.deepEqual(
      [a.uri, a.profile, a.closure, a.system],
      ['ssh://d@a:4', '/1', './2', 'x86_64-linux'],
    );
    const b = hostOf(config, 'b');
    assert.deepEqual([b.uri, b.closure], ['ssh://d@b:2', './1']);
  });

  test('has the command line before all', () => {
    const config = { hosts: { a: { uri: 'ssh://alice@10.0.0.7', become: 'sudo' as const } } };
    const overrides = { user: 'root', become: 'never' as const, profile: '/p' };
    const host = hostOf(config, 'a', { overrides });
    assert.deepEqual(
      [host.uri, host.becomeRoot, host.profile],
      ['ssh://root@10.0.0.7', 'never', '/p'],
    );
  });

  test('has pins and health checks of all', () => {
    const host = hostOf({
      defaults: { pins: [{ link: '/l/d' }, { link: '/l/{name}' }], health: [{ tcp: 22 }] },
      tags: { t: { health: [{ command: 'true', timeout: '1m' }] } },
      hosts: {
        a: {
          tags: ['t'],
          pins: [{ link: '/l/a', source: '/s' }],
          health: [{ http: 'http://{host}/{name}' }],
        },
      },
    });
    assert.deepEqual(host.pins, [
      { link: '/l/d', source: undefined },
      { link: '/l/a', source: '/s' },
    ]);
    assert.deepEqual(host.healthChecks, [
      { kind: 'tcp', port: 22, timeoutMs: 10_000 },
      { kind: 'command', command: 'true', timeoutMs: 60_000 },
      { kind: 'http', url: 'http://{host}/a', timeoutMs: 10_000 },
    ]);
  });

  test('has one activation: that of the last level that says any', () => {
    const activation = (...levels: readonly HostConfig[]): unknown =>
      hostOf({
        defaults: levels[0] ?? {},
        tags: { t: levels[1] ?? {} },
        hosts: { a: { tags: ['t'], ...levels[2] } },
      }).activation;
    assert.deepEqual(activation({ action: 'boot' }), { kind: 'nixos', action: 'boot' });
    assert.deepEqual(activation({ action: 'boot' }, { activate: 'x' }), {
      kind: 'command',
      command: 'x',
    });
    assert.deepEqual(activation({ activate: 'x' }, { program: 'bin/a' }), {
      kind: 'program',
      path: 'bin/a',
    });
    assert.deepEqual(activation({ program: 'a' }, {}, { activate: false }), { kind: 'none' });
    assert.deepEqual(activation({ program: 'a' }, {}, { activate: true }), { kind: 'auto' });
  });

  test('has names and systems filled in', () => {
    const config: FleetConfig = {
      defaults: { closure: './{name}-{system}-{other}', profile: '/p/{name}' },
      hosts: { a: { system: 'aarch64-linux' }, b: {} },
    };
    assert.throws(() => inventoryOf(config), {
      code: 'usage',
      message: 'cannot fill in "./{name}-{system}-{other}" for host "b": nobody says its system',
    });
    const host = hostOf({ ...config, hosts: { a: { system: 'aarch64-linux' } } });
    assert.deepEqual([host.closure, host.profile], ['./a-aarch64-linux-{other}', '/p/a']);
  });

  test('has what is said of ssh as parameters of its URI', () => {
    const host = hostOf({
      defaults: { sshKey: '~/.ssh/deploy', compress: true, protocol: 'ssh-ng' },
      hosts: {
        a: {
          address: '2001:db8::1',
          hostKey: 'ssh-ed25519 AAAA',
          remoteProgram: 'sudo nix-store',
          remoteStore: '/mnt',
          store: '/nix/store',
          maxConnections: 2,
        },
      },
    });
    const key = Buffer.from('ssh-ed25519 AAAA').toString('base64');
    assert.equal(
      host.uri,
      `ssh-ng://[2001:db8::1]?ssh-key=~/.ssh/deploy&compress=true&base64-ssh-public-host-key=${key}&remote-program=sudo%20nix-store&remote-store=/mnt&store=/nix/store&max-connections=2`,
    );
  });

  test('has tags of defaults, of its inventory and its own, each once', () => {
    const found = [foundHost('a', { address: '10.0.0.7', tags: ['aws_instance', 'web'] })];
    const config = { defaults: { tags: ['all'] }, hosts: { a: { tags: ['web', 'x'] } } };
    assert.deepEqual(hostOf(config, 'a', { found }).tags, ['all', 'aws_instance', 'web', 'x']);
  });

  test('called as a property that every object has is a host like others', () => {
    const config = { hosts: { toString: { tags: ['valueOf'] } } };
    assert.equal(hostOf(config, 'toString').uri, 'ssh://toString');
  });
});

describe('several inventories', () => {
  test('one says where a host is, the other the rest', () => {
    const found = [foundHost('a', { address: '10.0.0.7', user: 'ec2' })];
    const config = { tags: {}, hosts: { a: { closure: './x', user: 'root' } } };
    const host = hostOf(config, 'a', { found });
    assert.deepEqual(
      [host.uri, host.closure, host.origin],
      ['ssh://root@10.0.0.7', './x', 'Terraform: a'],
    );
  });

  test('agree about an address, or both are named', () => {
    const found = [foundHost('a', { address: '10.0.0.7' })];
    assert.equal(
      hostOf({ hosts: { a: { address: '10.0.0.7' } } }, 'a', { found }).uri,
      'ssh://10.0.0.7',
    );
    assert.throws(() => inventoryOf({ hosts: { a: { address: '10.0.0.8' } } }, { found }), {
      code: 'conflict',
      message:
        'the host "a" is at "ssh://10.0.0.7" by Terraform: a, and at "ssh://10.0.0.8" by ferry.toml',
    });
  });

  test('that call one machine differently are both named', () => {
    const found = [foundHost('web-0', { address: '10.0.0.7', user: 'root' })];
    assert.throws(() => inventoryOf({ hosts: { web: { address: '10.0.0.7' } } }, { found }), {
      code: 'conflict',
      message:
        '"web" (ferry.toml) and "web-0" (Terraform: web-0) are one host: both are at "ssh://root@10.0.0.7" with the profile "/nix/var/nix/profiles/system"',
    });
    // Two services of one machine are two hosts.
    const two = { hosts: { web: { address: '10.0.0.7', profile: '/nix/var/nix/profiles/web' } } };
    assert.equal(inventoryOf(two, { found }).hosts.size, 2);
  });

  test('that have two hosts of one name are both named', () => {
    const found = [
      foundHost('a', { address: '10.0.0.7' }),
      foundHost('a', { address: 'a' }, { origin: 'ssh_config: x', source: 'ssh_config' }),
    ];
    assert.throws(() => inventoryOf({}, { found }), {
      code: 'conflict',
      message: 'two hosts are called "a": Terraform: a, and ssh_config: x',
    });
  });

  test('one that has the same machine twice is wrong, unless for another user', () => {
    const twice = (b: HostConfig): Inventory =>
      inventoryOf({ hosts: { a: { address: 'h', user: 'x' }, b: { address: 'h', ...b } } });
    assert.throws(() => twice({ user: 'x' }), { code: 'conflict' });
    assert.equal(twice({ user: 'y' }).hosts.size, 2);
    assert.equal(twice({ user: 'x', port: 2222 }).hosts.size, 2);
    assert.equal(twice({ user: 'x', remoteStore: '/mnt' }).hosts.size, 2);
  });
});

describe('URIs of the command line', () => {
  const names = (...uris: readonly string[]): string[] => [
    ...inventoryOf({}, { uris }).hosts.keys(),
  ];

  test('name hosts by their address, and more where it must be', () => {
    assert.deepEqual(names('ssh://root@a', 'ssh-ng://b:2222'), ['a', 'b']);
    assert.deepEqual(names('ssh://alice@a', 'ssh://bob@a', 'ssh://a'), ['alice@a', 'bob@a', 'a']);
    assert.deepEqual(names('ssh://a:22', 'ssh://a:2222'), ['a', 'a:2222']);
    assert.deepEqual(names('ssh://[2001:db8::1]'), ['2001:db8::1']);
  });

  test('that are the same are one host', () => {
    assert.deepEqual(names('ssh://a', 'ssh://a'), ['a']);
  });

  test('have what the command line says of all hosts, but their own user', () => {
    const { hosts } = inventoryOf(
      {},
      { uris: ['ssh://alice@a', 'ssh://b'], overrides: { user: 'root' } },
    );
    assert.deepEqual(
      [...hosts.values()].map(({ uri }) => uri),
      ['ssh://alice@a', 'ssh://root@b'],
    );
  });

  test('of a host of the fleet are another way to it', () => {
    const config: FleetConfig = {
      defaults: { sshKey: '/key' },
      hosts: { web: { address: '10.0.0.7', user: 'root', closure: './x' } },
    };
    const host = inventoryOf(config).hostAt('ssh://alice@10.0.0.7?compress=true');
    assert.deepEqual(
      [host.name, host.uri, host.closure],
      ['web', 'ssh://alice@10.0.0.7?ssh-key=/key&compress=true', './x'],
    );
    assert.equal(
      inventoryOf(config).hostAt('ssh://10.0.0.7').uri,
      'ssh://root@10.0.0.7?ssh-key=/key',
    );
    assert.equal(inventoryOf(config).hostAt('ssh://10.0.0.8').uri, 'ssh://10.0.0.8?ssh-key=/key');
    assert.equal(
      inventoryOf(config, { uris: ['ssh://x@10.0.0.7'] }).hosts.get('web')?.uri,
      'ssh://x@10.0.0.7?ssh-key=/key',
    );
  });

  test('that may be several hosts are refused', () => {
    const config = {
      hosts: { a: { address: 'h', profile: '/1' }, b: { address: 'h', profile: '/2' } },
    };
    assert.throws(() => inventoryOf(config).hostAt('ssh://h'), {
      code: 'usage',
      message: '"ssh://h" may be "a" or "b"',
    });
  });

  test('that are none are refused', () => {
    assert.throws(() => names('s3://bucket'), { code: 'usage' });
    assert.throws(() => names('ssh://-oProxyCommand=x'), { code: 'usage' });
  });
});

describe('words', () => {
  const fleet = inventoryOf({
    hosts: {
      'web-1': { tags: ['web', 'role=front'] },
      'web-2': { tags: ['web'] },
      'db-1': { tags: ['db'] },
      web: {},
    },
  });
  const chosen = (...words: readonly string[]): string[] =>
    chooseHosts(fleet, words).map(({ name }) => name);

  test('none are all', () => {
    assert.deepEqual(chosen(), ['web-1', 'web-2', 'db-1', 'web']);
  });

  test('are names, patterns and tags, in the order of the fleet, each host once', () => {
    assert.deepEqual(chosen('db-1', 'web-1'), ['web-1', 'db-1']);
    assert.deepEqual(chosen('*-1', 'web-1'), ['web-1', 'db-1']);
    assert.deepEqual(chosen('@web'), ['web-1', 'web-2']);
    assert.deepEqual(chosen('@role=*', '@db'), ['web-1', 'db-1']);
    assert.deepEqual(chosen('web'), ['web']);
  });

  test('that are URIs are hosts, of the fleet or not', () => {
    assert.deepEqual(chosen('ssh://new', 'db-1', 'ssh://root@web-2'), ['web-2', 'db-1', 'new']);
    const [host] = chooseHosts(fleet, ['web-2', 'ssh://root@web-2']);
    assert.equal(host?.uri, 'ssh://root@web-2');
  });

  test('that mean no host say what is near', () => {
    const refused = (word: string): readonly [string, string | undefined] => {
      try {
        chosen(word);
      } catch (error) {
        assert.ok(error instanceof Error && 'hint' in error);
        return [error.message, error.hint as string];
      }
      return ['nothing', undefined];
    };
    assert.deepEqual(refused('web-3'), [
      'no host of the fleet is called "web-3"',
      'did you mean "web-1"?',
    ]);
    assert.deepEqual(refused('@wbe'), [
      'no host of the fleet has the tag "wbe"',
      'did you mean "@web"?',
    ]);
    assert.deepEqual(refused('db'), [
      'no host of the fleet is called "db"',
      'the tag is written "@db"',
    ]);
    assert.deepEqual(refused('x-*'), [
      'no host of the fleet is called as "x-*" says',
      'there are web-1, web-2, db-1, web',
    ]);
    assert.deepEqual(refused('@x*'), [
      'no host of the fleet has a tag as "@x*" says',
      'there are @web, @role=front, @db',
    ]);
    assert.deepEqual(refused('@'), [
      'no host of the fleet has the tag ""',
      'there are @web, @role=front, @db',
    ]);
  });
});
