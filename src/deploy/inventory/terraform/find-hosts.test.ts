import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { TerraformRule } from '../define-fleet.ts';
import { findTerraformHosts, type TerraformHosts } from './find-hosts.ts';
import { makeRules, parseRuleWord } from './rules.ts';
import { parseTerraformState } from './state.ts';

const vectors = new URL('../../../../test/vectors/terraform/', import.meta.url);

function find(
  text: string,
  ...rules: readonly Readonly<Record<string, TerraformRule>>[]
): TerraformHosts {
  return findTerraformHosts(parseTerraformState(text, 'x'), makeRules(rules), 'x');
}

/** Name, address and what else the tests look at. */
function rows({ hosts }: TerraformHosts): unknown[] {
  return hosts.map(({ name, config: { address, tags } }) => [
    name,
    address,
    (tags ?? []).join(' '),
  ]);
}

const providers: Readonly<Record<string, { hosts: unknown[]; warnings: readonly string[] }>> = {
  aws: {
    hosts: [
      ['bastion', '198.51.100.10', 'Role=bastion managed aws_instance'],
      ['db', '10.0.1.5', 'Role=db managed aws_instance'],
      ['new', '198.51.100.67', 'Role=web managed aws_instance'],
      ['v6', '2001:db8:85a3::8a2e:370:7334', 'Role=edge managed aws_instance'],
      ['web-eu-web-0', '198.51.100.20', 'Role=web managed aws_instance'],
      ['web-eu-web-1', '198.51.100.21', 'Role=web managed aws_instance'],
      ['web-us-web-0', '198.51.100.30', 'Role=web managed aws_instance'],
    ],
    warnings: ['aws_instance.old: an instance that is to be destroyed is left out'],
  },
  hcloud: {
    hosts: [
      ['alpha', '203.0.113.11', 'role=web env=prod hcloud_server'],
      ['beta', '2001:db8:2::1', 'role=web canary hcloud_server'],
      ['gamma', '10.2.0.5', 'role=db hcloud_server'],
    ],
    warnings: [
      'hcloud_server.lost is left out: it has no address',
      'hcloud_server.secret is left out: its address is marked as sensitive, which --terraform-rule hcloud_server=PATH takes all the same',
    ],
  },
  google: {
    hosts: [
      ['worker-a', '192.0.2.41', 'http-server ssh team=blue google_compute_instance'],
      ['worker-b', '10.156.0.3', 'ssh google_compute_instance'],
      ['worker-c', '2600:1900:4000:1::', 'google_compute_instance'],
    ],
    warnings: [],
  },
};

for (const [provider, expected] of Object.entries(providers)) {
  for (const file of [`${provider}.tfstate`, `${provider}.show.json`]) {
    test(`the hosts of ${file}`, () => {
      const found = find(readFileSync(new URL(file, vectors), 'utf8'));
      assert.deepEqual(rows(found), expected.hosts);
      assert.deepEqual(found.warnings, expected.warnings);
      assert.doesNotMatch(JSON.stringify(found), /hunter2|hidden-name/);
    });
  }
}

/** A state with one resource. */
function stateOf(type: string, attributes: object): string {
  const resources = [{ mode: 'managed', type, name: 'a', instances: [{ attributes }] }];
  return JSON.stringify({ version: 4, resources });
}

const types: readonly (readonly [string, object, string, string])[] = [
  [
    'aws_spot_instance_request',
    {
      public_ip: '',
      public_dns: 'ec2.example.org',
      private_ip: '10.0.0.1',
      tags: { Name: 'spot' },
    },
    'spot',
    'ec2.example.org',
  ],
  ['aws_lightsail_instance', { name: 'l', public_ip_address: '192.0.2.1' }, 'l', '192.0.2.1'],
  [
    'azurerm_linux_virtual_machine',
    { name: 'z', public_ip_address: '192.0.2.2', tags: {} },
    'z',
    '192.0.2.2',
  ],
  [
    'digitalocean_droplet',
    { name: 'd', ipv4_address: '192.0.2.3', tags: ['web'] },
    'd',
    '192.0.2.3',
  ],
  [
    'digitalocean_droplet',
    { name: 'd', ipv4_address: '', ipv6_address: '', ipv4_address_private: '10.1.1.1' },
    'd',
    '10.1.1.1',
  ],
  ['equinix_metal_device', { hostname: 'e', access_public_ipv4: '192.0.2.4' }, 'e', '192.0.2.4'],
  ['exoscale_compute_instance', { name: 'x', public_ip_address: '192.0.2.5' }, 'x', '192.0.2.5'],
  ['ionoscloud_server', { name: 'i', primary_ip: '192.0.2.6' }, 'i', '192.0.2.6'],
  [
    'libvirt_domain',
    { name: 'v', network_interface: [{ addresses: ['fe80::1', '2001:db8::5', '192.168.122.5'] }] },
    'v',
    '192.168.122.5',
  ],
  ['linode_instance', { label: 'n', ip_address: '192.0.2.7' }, 'n', '192.0.2.7'],
  ['linode_instance', { label: 'n', ip_address: '', ipv6: '2001:db8::7/128' }, 'n', '2001:db8::7'],
  [
    'oci_core_instance',
    { display_name: 'o', public_ip: '192.0.2.8', freeform_tags: {} },
    'o',
    '192.0.2.8',
  ],
  ['openstack_compute_instance_v2', { name: 's', access_ip_v4: '192.0.2.9' }, 's', '192.0.2.9'],
  [
    'openstack_compute_instance_v2',
    { name: 's', access_ip_v6: '[2001:db8::9]' },
    's',
    '2001:db8::9',
  ],
  [
    'proxmox_virtual_environment_vm',
    { name: 'p', ipv4_addresses: [['127.0.0.1'], ['192.168.1.5']] },
    'p',
    '192.168.1.5',
  ],
  [
    'proxmox_vm_qemu',
    { name: 'q', default_ipv4_address: '192.168.1.6', tags: 'a;b' },
    'q',
    '192.168.1.6',
  ],
  [
    'scaleway_instance_server',
    { name: 'w', public_ips: [{ address: '2001:db8::a' }, { address: '192.0.2.10' }] },
    'w',
    '192.0.2.10',
  ],
  [
    'upcloud_server',
    {
      hostname: 'u',
      network_interface: [
        { type: 'utility', ip_address: '10.1.2.3' },
        { type: 'public', ip_address: '192.0.2.11' },
      ],
    },
    'u',
    '192.0.2.11',
  ],
  ['vultr_instance', { label: 'vu', main_ip: '192.0.2.12' }, 'vu', '192.0.2.12'],
];

for (const [type, attributes, name, address] of types) {
  test(`${type} at ${address}`, () => {
    const { hosts } = find(stateOf(type, attributes));
    assert.deepEqual(
      hosts.map((host) => [host.name, host.config.address, host.origin]),
      [[name, address, `Terraform: ${type}.a`]],
    );
  });
}

describe('rules', () => {
  const text = stateOf('aws_instance', {
    public_ip: '192.0.2.1',
    private_ip: '10.0.0.1',
    tags: { Name: 'n', Role: 'web', User: 'admin', Port: '2222' },
    labels: ['x', 'y'],
  });

  test('of a person come before those of ferry, field by field', () => {
    const rule = {
      address: 'private_ip',
      tags: ['labels', 'tags.Role'],
      user: 'tags.User',
      port: 'tags.Port',
    };
    assert.deepEqual(find(text, { aws_instance: rule }).hosts[0], {
      name: 'n',
      origin: 'Terraform: aws_instance.a',
      source: 'Terraform',
      config: {
        address: '10.0.0.1',
        tags: ['x', 'y', 'web', 'aws_instance'],
        user: 'admin',
        port: 2222,
      },
    });
    assert.deepEqual(rows(find(text, { aws_instance: { name: 'tags.Role' } })), [
      ['web', '192.0.2.1', 'Role=web User=admin Port=2222 aws_instance'],
    ]);
  });

  test('of the command line come before those of the configuration', () => {
    const found = find(text, parseRuleWord('aws_instance=private_ip'), {
      aws_instance: { address: 'public_ip' },
    });
    assert.equal(found.hosts[0]?.config.address, '10.0.0.1');
  });

  test('leave out what does not fit, or all of a type', () => {
    const where = (value: string): unknown =>
      rows(find(text, { aws_instance: { where: { 'tags.Role': value } } })).length;
    assert.deepEqual([where('web'), where('db')], [1, 0]);
    assert.deepEqual(find(text, parseRuleWord('aws_instance=-')).hosts, []);
  });

  test('make hosts of types that ferry does not know', () => {
    const other = stateOf('acme_box', { box: { address: '192.0.2.9' }, name: 'b' });
    assert.deepEqual(find(other).hosts, []);
    assert.deepEqual(rows(find(other, parseRuleWord('acme_box=box.address'))), [
      ['b', '192.0.2.9', 'acme_box'],
    ]);
  });

  test('name attributes although they are sensitive, and no others', () => {
    const hcloud = readFileSync(new URL('hcloud.tfstate', vectors), 'utf8');
    const found = find(hcloud, parseRuleWord('hcloud_server=ipv4_address'));
    assert.deepEqual(rows(found).at(-1), ['secret', '203.0.113.77', 'hcloud_server']);
    assert.doesNotMatch(JSON.stringify(found), /hunter2|hidden-name/);
    const named = find(hcloud, { hcloud_server: { address: 'ipv4_address', name: 'name' } });
    assert.deepEqual(rows(named).at(-1), ['hidden-name', '203.0.113.77', 'hcloud_server']);
  });

  test('make no tags of labels that are sensitive', () => {
    const tags = { Role: 'web', DbPassword: 'hunter2' };
    const values = { public_ip: '198.51.100.7', tags, tags_all: tags };
    const resource = { mode: 'managed', type: 'aws_instance', name: 'web' };
    const shown = {
      format_version: '1.0',
      values: {
        root_module: {
          resources: [{ ...resource, values, sensitive_values: { tags: { DbPassword: true } } }],
        },
      },
    };
    const mark = [
      { type: 'get_attr', value: 'tags' },
      { type: 'index', value: { value: 'DbPassword', type: 'string' } },
    ];
    const instances = [{ attributes: values, sensitive_attributes: [mark] }];
    const file = { version: 4, resources: [{ ...resource, instances }] };
    for (const document of [shown, file]) {
      const found = find(JSON.stringify(document));
      assert.deepEqual(rows(found), [['web', '198.51.100.7', 'Role=web aws_instance']]);
      assert.doesNotMatch(JSON.stringify(found), /hunter2/);
    }
  });

  test('that are said twice are one', () => {
    const where = { 'tags.Role': 'db' };
    const found = find(text, parseRuleWord('aws_instance=private_ip'), { aws_instance: { where } });
    assert.deepEqual(found.hosts, []);
    const ignored = { aws_instance: { ignore: true } };
    assert.equal(find(text, parseRuleWord('aws_instance=private_ip'), ignored).hosts.length, 1);
    assert.equal(find(text, { aws_instance: { name: 'x' } }, ignored).hosts.length, 0);
  });

  test('find no address in what means this machine', () => {
    for (const address of [
      'localhost',
      'LOCALHOST.',
      '127.0.0.1',
      '127.1.2.3',
      '::1',
      '0.0.0.0',
      'fe80::1',
      '',
    ]) {
      assert.deepEqual(
        find(stateOf('hcloud_server', { ipv4_address: address })).hosts,
        [],
        address,
      );
    }
  });

  test('are refused where they are none', () => {
    for (const word of [
      '',
      'aws_instance',
      '=x',
      'aws_instance=',
      'a b=c',
      'a=b..c',
      'output.=x',
      '!x',
    ]) {
      assert.throws(() => parseRuleWord(word), { code: 'usage' }, word);
    }
    assert.throws(() => makeRules([{ aws_instance: { address: 'a..b' } }]), { code: 'usage' });
  });

  test('a machine of which the provider tells no address is not passed over in silence', () => {
    assert.deepEqual(find(stateOf('azurerm_virtual_machine', { name: 'z' })).warnings, [
      'azurerm_virtual_machine.a is left out: it has no address, which another resource or an output has',
    ]);
  });
});

describe('names', () => {
  function named(
    ...instances: readonly (readonly [module: string, type: string, index: unknown, name: string])[]
  ): string[] {
    const resources = instances.map(([module, type, index_key, name], i) => ({
      ...(module === '' ? {} : { module }),
      mode: 'managed',
      type,
      name: 'web',
      instances: [{ index_key, attributes: { ipv4_address: `192.0.2.${i}`, name } }],
    }));
    return find(JSON.stringify({ version: 4, resources })).hosts.map((host) => host.name);
  }
  const [hcloud, droplet] = ['hcloud_server', 'digitalocean_droplet'];

  test('are those that the provider has, made fit', () => {
    assert.deepEqual(
      named(['', hcloud, undefined, 'Web Server'], ['', hcloud, 1, '-oProxyCommand=x']),
      ['Web-Server', 'oProxyCommand-x'],
    );
  });

  test('are those of Terraform where there are none, or not for one alone', () => {
    assert.deepEqual(named(['', hcloud, 0, ''], ['', hcloud, 1, '']), ['web-0', 'web-1']);
    assert.deepEqual(
      named(['', hcloud, 'eu', 'n'], ['', hcloud, 'us', 'n'], ['', hcloud, 'de', 'x']),
      ['web-eu', 'web-us', 'x'],
    );
    assert.deepEqual(
      named(['module.a', hcloud, undefined, ''], ['module.b["k"]', hcloud, undefined, '']),
      ['a-web', 'b-k-web'],
    );
    assert.deepEqual(named(['', hcloud, 0, ''], ['', droplet, 0, '']), [
      'hcloud_server-web-0',
      'digitalocean_droplet-web-0',
    ]);
  });

  test('do not depend on the order', () => {
    const those = [
      ['', hcloud, 0, 'web-1'],
      ['', hcloud, 1, 'x'],
      ['', hcloud, 2, 'x'],
    ] as const;
    assert.deepEqual(named(...those), ['web-1', 'hcloud_server-web-1', 'hcloud_server-web-2']);
    assert.deepEqual(named(...those.toReversed()), [
      'hcloud_server-web-2',
      'hcloud_server-web-1',
      'web-1',
    ]);
  });
});

describe('outputs', () => {
  const withOutputs = (
    outputs: Readonly<Record<string, unknown>>,
    resources: unknown[] = [],
  ): string =>
    JSON.stringify({
      version: 4,
      outputs: Object.fromEntries(
        Object.entries(outputs).map(([name, value]) => [name, { value }]),
      ),
      resources,
    });
  const resource = {
    mode: 'managed',
    type: 'aws_instance',
    name: 'a',
    instances: [{ attributes: { public_ip: '198.51.100.1' } }],
  };
  const output = parseRuleWord('output.o');

  test('that are named are the hosts, and resources only if they are named too', () => {
    const text = withOutputs({ o: ['192.0.2.1', '2001:db8::1'] }, [resource]);
    assert.deepEqual(rows(find(text, output)), [
      ['192.0.2.1', '192.0.2.1', ''],
      ['2001:db8::1', '2001:db8::1', ''],
    ]);
    assert.equal(find(text, { ...output, aws_instance: {} }).hosts.length, 3);
  });

  test('may be a word, a list, a map, of addresses or objects', () => {
    const of = (
      value: unknown,
      ...rules: readonly Readonly<Record<string, TerraformRule>>[]
    ): unknown => rows(find(withOutputs({ o: value }), ...(rules.length > 0 ? rules : [output])));
    assert.deepEqual(of('192.0.2.1'), [['192.0.2.1', '192.0.2.1', '']]);
    assert.deepEqual(of({ a: '192.0.2.1' }), [['a', '192.0.2.1', '']]);
    assert.deepEqual(of([{ name: 'n', ip: '192.0.2.1', tags: ['t'] }]), [['n', '192.0.2.1', 't']]);
    assert.deepEqual(
      of({ a: { deep: [{ at: 'h.example.org' }] } }, parseRuleWord('output.o=deep[0].at')),
      [['a', 'h.example.org', '']],
    );
  });

  test('that are not there, or have no address, are told of', () => {
    assert.deepEqual(find(withOutputs({}), output).warnings, ['there is no output "o"']);
    assert.deepEqual(find(withOutputs({ o: [{ x: 'hunter2' }, '-oX', 3] }), output).warnings, [
      'output o[0] is left out: it has no address',
      'output o[1] is left out: it has no address',
      'output o[2] is left out: it has no address',
    ]);
    assert.throws(() => find(withOutputs({ o: 5 }), output), {
      code: 'usage',
      message: 'cannot use the output "o" of "x": it is neither a list nor a map',
    });
  });

  test('called ferry_hosts win over everything', () => {
    const stated = {
      a: { address: '192.0.2.1', user: 'root', tags: ['t'], ssh_key: './key', closure: null },
      b: '192.0.2.2',
      c: { name: 'other', uri: 'ssh://admin@192.0.2.3:2222' },
    };
    const { hosts } = find(
      withOutputs({ ferry_hosts: stated, o: ['192.0.2.9'] }, [resource]),
      output,
    );
    assert.deepEqual(
      hosts.map(({ name, config, origin }) => [name, config, origin]),
      [
        [
          'a',
          { address: '192.0.2.1', user: 'root', tags: ['t'], sshKey: './key' },
          'Terraform: output ferry_hosts["a"]',
        ],
        ['b', { address: '192.0.2.2' }, 'Terraform: output ferry_hosts["b"]'],
        ['other', { uri: 'ssh://admin@192.0.2.3:2222' }, 'Terraform: output ferry_hosts["c"]'],
      ],
    );
    const list = find(withOutputs({ ferry_hosts: [{ name: 'n', address: 'h' }, '192.0.2.2'] }));
    assert.deepEqual(rows(list), [
      ['n', 'h', ''],
      ['192.0.2.2', '192.0.2.2', ''],
    ]);
  });

  test('called ferry_hosts name hosts by their address where there is no name', () => {
    const stated = [
      { uri: 'ssh://root@192.0.2.1:2222' },
      { address: '2001:db8::1' },
      { name: 'n' },
    ];
    const { hosts } = find(withOutputs({ ferry_hosts: stated }));
    assert.deepEqual(
      hosts.map(({ name }) => name),
      ['192.0.2.1', '2001:db8::1', 'n'],
    );
    const twice = [
      { name: 'n', address: 'a' },
      { name: 'n', address: 'b' },
    ];
    assert.throws(() => find(withOutputs({ ferry_hosts: twice })), {
      code: 'conflict',
      message:
        'two hosts are called "n": Terraform: output ferry_hosts[0], and Terraform: output ferry_hosts[1]',
    });
  });

  const wrong: readonly (readonly [unknown, string])[] = [
    [5, 'cannot use the output "ferry_hosts" of "x": it is neither a list nor a map'],
    [
      { a: 5 },
      'cannot use the output ferry_hosts["a"] of "x": it is neither an address nor an object',
    ],
    [{ a: '-oX' }, 'cannot use the output ferry_hosts["a"] of "x": address begins with "-"'],
    [
      { 'a b': 'h' },
      'cannot use the output ferry_hosts["a b"] of "x": it has a name that can\'t be a host\'s',
    ],
    [
      [{ name: 7, address: 'h' }],
      'cannot use the output ferry_hosts[0] of "x": it has a name that can\'t be a host\'s',
    ],
    [
      [{ user: 'root' }],
      'cannot use the output ferry_hosts[0] of "x": it has neither a name nor an address',
    ],
    [
      { a: { adress: 'h' } },
      'cannot use the output ferry_hosts["a"] of "x": it has a field "adress", which it can\'t have: did you mean "address"?',
    ],
    [
      { a: { address: 'h', port: 'hunter2' } },
      'cannot use the output ferry_hosts["a"] of "x": port must be a whole number from 1 to 65535',
    ],
    [
      { a: { address: 'h', activate: 'rm -rf /' } },
      'cannot use the output ferry_hosts["a"] of "x": it has a field "activate"',
    ],
    [
      { a: { address: 'h', remote_program: 'x' } },
      'cannot use the output ferry_hosts["a"] of "x": it has a field "remote_program"',
    ],
    [
      { a: { address: 'h', sshKey: 'x' } },
      'cannot use the output ferry_hosts["a"] of "x": it has a field "sshKey", which would be written "ssh_key"',
    ],
  ];
  for (const [value, message] of wrong) {
    test(`ferry_hosts = ${JSON.stringify(value)} is refused`, () => {
      assert.throws(
        () => find(withOutputs({ ferry_hosts: value })),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, 'usage');
          assert.ok(error.message.startsWith(message), error.message);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
    });
  }
});

test('names as long as somebody likes take no time', () => {
  const dashes = `a${'-'.repeat(1_000_000)}b`;
  const found = find(stateOf('aws_instance', { public_ip: '192.0.2.1', tags: { Name: dashes } }));
  assert.deepEqual(rows(found), [['a', '192.0.2.1', 'aws_instance']]);
});

test('an output says nothing of what is run on hosts, in a URI neither', () => {
  const uri = 'ssh://root@192.0.2.1?remote-program=sh%20-c%20id';
  const outputs = { ferry_hosts: { value: { web: { uri } } } };
  assert.throws(() => find(JSON.stringify({ version: 4, outputs })), {
    code: 'usage',
    message: /ferry_hosts\["web"\] of "x": uri has the parameter "remote-program"/,
  });
});

test('an output has nothing evaluated here', () => {
  const stated = (closure: string): string =>
    JSON.stringify({
      version: 4,
      outputs: { ferry_hosts: { value: { web: { address: '192.0.2.1', closure } } } },
    });
  assert.equal(find(stated('./result')).hosts.length, 1);
  assert.throws(() => find(stated('github:somebody/system#web')), {
    code: 'usage',
    message: /closure must be a store path or a link to one/,
  });
});

test('an output does not make a host of this machine', () => {
  for (const host of ['localhost', { address: 'LOCALHOST.' }, { uri: 'ssh://root@localhost' }]) {
    const outputs = { ferry_hosts: { value: { web: host } } };
    assert.throws(() => find(JSON.stringify({ version: 4, outputs })), {
      code: 'usage',
      message: /is at localhost/,
    });
  }
});
