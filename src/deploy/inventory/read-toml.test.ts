import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFleetToml } from './read-toml.ts';

const read = (text: string): unknown => parseFleetToml(text, 'ferry.toml');

/** What is said about a file. */
function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.equal((error as { code?: unknown }).code, 'usage');
    return error.message;
  }
  return 'nothing';
}

test('fields in kebab-case, names as they are', () => {
  const config = read(`
[defaults]
user = "root"
confirm-timeout = "90s"
ssh-key = "./key"
pins = [{ link = "/etc/nixos/current", source = "./nixos" }]

[tags.web-server]
health = [{ http = "http://{host}/", timeout = 5 }]

[hosts.web-1]
address = "10.0.0.7"
tags = ["web-server"]
max-connections = 4

[hosts."web.example.org"]
action = "boot"

[terraform]
path = "infra"
[terraform.rules.aws_instance]
address = ["private_ip"]
where = { "tags.Some-Key" = "x", count-of = 1 }

[ssh-config]
patterns = ["db-*"]
`);
  assert.deepEqual(config, {
    defaults: {
      user: 'root',
      confirmTimeout: '90s',
      sshKey: './key',
      pins: [{ link: '/etc/nixos/current', source: './nixos' }],
    },
    tags: { 'web-server': { health: [{ http: 'http://{host}/', timeout: 5 }] } },
    hosts: {
      'web-1': { address: '10.0.0.7', tags: ['web-server'], maxConnections: 4 },
      'web.example.org': { action: 'boot' },
    },
    terraform: {
      path: 'infra',
      rules: {
        aws_instance: { address: ['private_ip'], where: { 'tags.Some-Key': 'x', 'count-of': 1 } },
      },
    },
    sshConfig: { patterns: ['db-*'] },
  });
});

test('an empty file is an empty fleet', () => {
  assert.deepEqual(read(''), {});
});

test('an error of syntax has its line and column', () => {
  assert.match(refusal('[hosts.a]\nport = = 1\n'), /^cannot read "ferry.toml": line 2, column 8: /);
  assert.doesNotMatch(refusal('a = "hunter2\n'), /hunter2/);
});

test('a field that nobody knows is named, and what is near it', () => {
  assert.equal(
    refusal('[hosts.a]\nprot = 22'),
    'cannot use the fleet of "ferry.toml": hosts.a has a field "prot", which it can\'t have: did you mean "port"?',
  );
  assert.match(refusal('[host.a]'), /it has a field "host".*did you mean "hosts"\?/);
  assert.match(refusal('[defaults]\ntimeout = 3'), /which is none of user, port, become/);
  assert.equal(
    refusal('[defaults]\nconfirmTimeout = 3'),
    'cannot use the fleet of "ferry.toml": defaults has a field "confirmTimeout", which would be written "confirm-timeout"',
  );
});

test('a value that does not fit is named by its path, and not repeated', () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['[hosts.a]\nport = "x"', 'hosts.a.port must be a whole number from 1 to 65535'],
    ['[hosts.a]\nport = 65536', 'hosts.a.port must be a whole number from 1 to 65535'],
    ['[hosts.a]\nport = 1.5', 'hosts.a.port must be a whole number from 1 to 65535'],
    ['[hosts."a.b"]\nuser = ""', 'hosts."a.b".user must not be empty'],
    ['[hosts.a]\nuser = "-x"', 'hosts.a.user must be the name of a user'],
    ['hosts = 3', 'hosts must be a table by name'],
    ['hosts = []', 'hosts must be a table by name'],
    ['hosts.a = "10.0.0.7"', 'hosts.a must be a table of fields'],
    [
      '[hosts.a]\nuri = "s3://x"',
      'hosts.a.uri must be a URI as ssh://[user@]host[:port], or ssh-ng://…',
    ],
    ['[hosts.a]\ntags = "web"', 'hosts.a.tags must be a list'],
    [
      '[hosts.a]\nconfirm-timeout = "soon"',
      'hosts.a.confirm-timeout must be a duration of at most a day: seconds, or "90s", "2m", "1h"',
    ],
    ['[defaults]\nprofile = "system"', 'defaults.profile must be an absolute path'],
    ['[defaults]\npins = [{ source = "/x" }]', 'defaults.pins[0].link is missing'],
    [
      '[tags.web]\nhealth = [{ command = "x" }, { tcp = 1, http = "http://a" }]',
      'tags.web.health[1] must have one of command, tcp and http',
    ],
    ['[tags.web]\nhealth = [{}]', 'tags.web.health[0] must have one of command, tcp and http'],
    [
      '[tags.web]\nhealth = [{ http = "file:///x" }]',
      'tags.web.health[0].http must be a URL that begins with http:// or https://',
    ],
    [
      '[defaults]\naction = "swich"',
      'defaults.action must be one of "switch", "boot", "test", "dry-activate"',
    ],
    [
      '[defaults]\nprogram = "../x"',
      'defaults.program must be a path in the closure, as "bin/activate"',
    ],
    [
      '[defaults]\naction = "boot"\nactivate = "x"',
      'defaults can have one of activate, action and program',
    ],
    [
      '[hosts.a]\nuri = "ssh://a"\nport = 3',
      'hosts.a has a uri, which says address, user, port and protocol: leave those out',
    ],
    [
      '[hosts.a]\nhost-key = "AAAA"',
      'hosts.a.host-key must be a public key as "ssh-ed25519 AAAA…"',
    ],
    ['[tags.web]\ntags = ["x"]', 'tags.web has a field "tags"'],
    ['[hosts.a]\nclosure = 1979-05-27', 'hosts.a.closure must be a string'],
    ['[hosts.a]\nclosure = "a\\u0000b"', 'hosts.a.closure has a NUL character'],
    [
      '[terraform]\npath = "x"\nrules."a b" = {}',
      'terraform.rules has a name "a b", which is no type of resource',
    ],
    ['[terraform]\n', 'terraform.path is missing'],
  ];
  for (const [text, what] of wrong) {
    const said = refusal(text);
    const start = 'cannot use the fleet of "ferry.toml": ';
    assert.ok(said.startsWith(start + what), `${text}\n${said}`);
  }
  assert.doesNotMatch(refusal('[hosts.a]\nport = "hunter2"\nsystem = "hunter2!"'), /hunter2/);
});

test('addresses that ssh would take for options are refused', () => {
  for (const address of ['-oProxyCommand=x', 'a b', 'a\\u000ab', 'host:22', '[::1]', '']) {
    assert.match(
      refusal(`[hosts.a]\naddress = "${address}"`),
      /hosts\.a\.address (?:must|has)/,
      address,
    );
  }
});

test('names that are none are refused', () => {
  for (const name of ['-a', '@a', 'a b', 'web-*', 'a/b', 'constructor', 'prototype', '']) {
    assert.match(
      refusal(`[hosts."${name}"]`),
      /hosts has a name ".*", which can't be a host's/,
      name,
    );
  }
  assert.match(refusal('[hosts.__proto__]'), /__proto__/);
  assert.match(refusal('__proto__ = 1'), /__proto__/);
  assert.match(refusal('[tags."a b"]'), /which can't be a tag/);
  assert.match(refusal('[hosts.a]\ntags = ["a b"]'), /hosts\.a\.tags\[0\] must be letters/);
});

test('all mistakes are told at once, but not thousands', () => {
  assert.equal(
    refusal('[hosts.a]\nport = 0\n[hosts.b]\nport = 0'),
    'cannot use the fleet of "ferry.toml": 2 mistakes\nhosts.a.port must be a whole number from 1 to 65535\nhosts.b.port must be a whole number from 1 to 65535',
  );
  const many = Array.from({ length: 50 }, (_, i) => `[hosts.h${i}]\nport = 0`).join('\n');
  assert.match(refusal(many), /50 mistakes\n(?:.*\n){8}and 42 more$/);
});

test('hostile documents are refused, not followed', () => {
  assert.match(refusal(`a = ${'['.repeat(100_000)}`), /cannot read "ferry.toml"/);
  assert.match(
    refusal(`${Array.from({ length: 5000 }, () => 'a').join('.')} = 1`),
    /has a field "a"/,
  );
  assert.match(
    refusal(`[${Array.from({ length: 5000 }, () => 'hosts').join('.')}]`),
    /hosts\.hosts/,
  );
  assert.match(refusal(`[defaults]\n${'x'.repeat(1000)} = 1`), /"x{80}…"/);
  assert.match(
    refusal('[hosts.a]\nport = 9223372036854775808'),
    /cannot read "ferry.toml": line 2/,
  );
  assert.match(refusal('[hosts.a]\n[hosts.a]'), /line 2/);
});
