/**
 * What says who the hosts are: states of Terraform, ferry.toml. Whatever is accepted has hosts that can be given to ssh,
 * with names that can be typed, and nothing reaches the prototype of all objects.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseStoreUri } from '../../src/config/store-uri.ts';
import { addressFault } from '../../src/deploy/inventory/host-place.ts';
import { makeInventory, type InventoryParts } from '../../src/deploy/inventory/inventory.ts';
import { isHostName, isTag } from '../../src/deploy/inventory/names.ts';
import { parseFleetToml } from '../../src/deploy/inventory/read-toml.ts';
import {
  findTerraformHosts,
  type TerraformHosts,
} from '../../src/deploy/inventory/terraform/find-hosts.ts';
import { jsonFault } from '../../src/deploy/inventory/terraform/json-fault.ts';
import { makeRules, parseRuleWord } from '../../src/deploy/inventory/terraform/rules.ts';
import { parseTerraformState } from '../../src/deploy/inventory/terraform/state.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const vectors = new URL('../../test/vectors/terraform/', import.meta.url);
const rules = makeRules([parseRuleWord('output.workers'), parseRuleWord('output.named')]);
const noRules = makeRules([]);

function bytesOf(texts: readonly string[]): Uint8Array[] {
  return texts.map((text) => Buffer.from(text));
}

function checkInventory(parts: Partial<InventoryParts>): void {
  const all = { config: {}, configName: 'FILE', found: [], uris: [], overrides: {}, ...parts };
  const { value } = outcomeOf(() => makeInventory(all), ['usage', 'conflict']);
  for (const [name, host] of value?.hosts ?? []) {
    assert.equal(host.name, name);
    assert.ok(isHostName(name), name);
    assert.ok(host.tags.every(isTag));
    const uri = parseStoreUri(host.uri);
    assert.ok(uri.kind === 'ssh' || uri.kind === 'ssh-ng');
    assert.equal(addressFault(uri.host), undefined);
    assert.doesNotMatch(host.uri, /[\s\p{Cc}]/u);
  }
  assert.deepEqual(Object.keys(Object.prototype), []);
}

const terraformTarget: FuzzTarget = {
  name: 'terraform',
  seeds: [
    ...['aws.tfstate', 'hcloud.tfstate', 'google.tfstate', 'google.show.json', 'aws.show.json'].map(
      (file) => readFileSync(new URL(file, vectors)),
    ),
    ...bytesOf([
      '{"version":4,"outputs":{"ferry_hosts":{"value":{"a":{"address":"10.0.0.1","user":"root","port":22,"tags":["x"]},"b":"::1"}}}}',
      '{"version":4,"resources":[{"mode":"managed","type":"hcloud_server","name":"n","instances":[{"index_key":"k","attributes":{"name":"a","ipv4_address":"192.0.2.1","labels":{"a":"b"}}}]}]}',
    ]),
  ],
  dictionary: bytesOf([
    '"__proto__":',
    '"constructor":',
    '"ipv4_address":',
    '"public_ip":',
    '"-oProxyCommand=x"',
    '"::1"',
    '"sensitive_values":true',
    '"deposed":"x"',
    '"index_key":',
    'null',
    '1e400',
    '{',
    '}',
    '[',
    ']',
    '\\u0000',
    '\\n',
  ]),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const codes = ['corrupt', 'unsupported'] as const;
    const { value: state } = outcomeOf(() => parseTerraformState(text, 'FILE'), codes);
    if (state === undefined) return;
    assert.equal(jsonFault(text.replace(/^\ufeff/, '')), undefined);
    for (const set of [rules, noRules]) {
      const search = (): TerraformHosts => findTerraformHosts(state, set, 'FILE');
      const { value: found } = outcomeOf(search, ['usage', 'conflict']);
      if (found === undefined) continue;
      const names = found.hosts.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length);
      checkInventory({ found: found.hosts });
    }
  },
};

const fleetTomlTarget: FuzzTarget = {
  name: 'fleet-toml',
  seeds: bytesOf([
    '[defaults]\nuser = "root"\nclosure = "./{name}"\n[hosts.a]\naddress = "10.0.0.1"\ntags = ["x"]\n',
    '[tags.x]\nhealth = [{ tcp = 80, timeout = "5s" }]\npins = [{ link = "/l" }]\n[hosts."a.b"]\nuri = "ssh://root@[::1]:22"\n',
    '[terraform]\npath = "x"\nrules.aws_instance = { address = "a.b", where = { c = 1 } }\n[ssh-config]\npatterns = ["*"]\n',
  ]),
  dictionary: bytesOf([
    '__proto__',
    'constructor',
    '[hosts.',
    'address = ',
    '"-oX"',
    '"\\u0000"',
    '{system}',
    '{name}',
    '"""',
    '[[',
    ' = {',
    'inf',
    '1979-05-27',
  ]),
  check: (input) => {
    const text = Buffer.from(input).toString('utf8');
    const { value: config } = outcomeOf(() => parseFleetToml(text, 'FILE'), ['usage']);
    if (config !== undefined) checkInventory({ config });
  },
};

export const inventoryTargets: readonly FuzzTarget[] = [terraformTarget, fleetTomlTarget];
