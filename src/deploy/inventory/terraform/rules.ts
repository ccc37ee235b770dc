/**
 * What is a host in a state, and where its address, name and tags are: for the resources of the common providers (their
 * documentation names the attributes), and as people say it with `--terraform-rule` and in the configuration.
 */
import { FerryError } from '../../../error.ts';
import type { TerraformRule } from '../define-fleet.ts';
import { parseAttributePath, type AttributePath } from './attribute-path.ts';

export interface RulePath {
  readonly path: AttributePath;
  /** A person wrote it: what it names is used although it may be marked as sensitive. */
  readonly isExplicit: boolean;
}

/** A rule with its paths taken apart. Of each list the first that names something counts. */
export interface Rule {
  readonly address: readonly RulePath[];
  readonly name: readonly RulePath[];
  /** All of them count. */
  readonly tags: readonly RulePath[];
  readonly user: RulePath | undefined;
  readonly port: RulePath | undefined;
  readonly where: readonly (readonly [RulePath, string])[];
  readonly isIgnored: boolean;
  /** A person wrote some of it. */
  readonly isExplicit: boolean;
}

/**
 * Addresses with those first that are reached from everywhere; IPv4 before names before IPv6, as long as they are as
 * public. `name` is `name` and tags are `tags` where nothing else is said.
 */
const BUILT_IN: Readonly<Record<string, TerraformRule>> = {
  aws_instance: {
    address: ['public_ip', 'public_dns', 'ipv6_addresses', 'private_ip'],
    name: 'tags.Name',
  },
  aws_spot_instance_request: {
    address: ['public_ip', 'public_dns', 'ipv6_addresses', 'private_ip'],
    name: 'tags.Name',
  },
  aws_lightsail_instance: {
    address: ['public_ip_address', 'ipv6_addresses', 'private_ip_address'],
  },
  azurerm_linux_virtual_machine: { address: ['public_ip_address', 'private_ip_address'] },
  digitalocean_droplet: { address: ['ipv4_address', 'ipv6_address', 'ipv4_address_private'] },
  equinix_metal_device: {
    address: ['access_public_ipv4', 'access_public_ipv6', 'access_private_ipv4'],
    name: 'hostname',
  },
  exoscale_compute_instance: { address: ['public_ip_address', 'ipv6_address'], tags: 'labels' },
  google_compute_instance: {
    address: [
      'network_interface[*].access_config[*].nat_ip',
      'network_interface[*].ipv6_access_config[*].external_ipv6',
      'network_interface[*].network_ip',
    ],
    tags: ['tags', 'labels'],
  },
  hcloud_server: { address: ['ipv4_address', 'ipv6_address', 'network[*].ip'], tags: 'labels' },
  ionoscloud_server: { address: 'primary_ip' },
  ionoscloud_cube_server: { address: 'primary_ip' },
  libvirt_domain: { address: 'network_interface[*].addresses[*]' },
  linode_instance: {
    address: ['ip_address', 'ipv6', 'private_ip_address'],
    name: 'label',
  },
  oci_core_instance: {
    address: ['public_ip', 'private_ip'],
    name: 'display_name',
    tags: 'freeform_tags',
  },
  openstack_compute_instance_v2: {
    address: ['access_ip_v4', 'access_ip_v6', 'network[*].fixed_ip_v4'],
    tags: ['tags', 'metadata'],
  },
  proxmox_virtual_environment_vm: { address: ['ipv4_addresses[*][*]', 'ipv6_addresses[*][*]'] },
  proxmox_vm_qemu: { address: ['default_ipv4_address', 'default_ipv6_address', 'ssh_host'] },
  scaleway_instance_server: {
    address: [
      'public_ips[*].address',
      'public_ip',
      'ipv6_address',
      'private_ips[*].address',
      'private_ip',
    ],
  },
  upcloud_server: {
    address: [
      'network_interface[type=public].ip_address',
      'network_interface[type=utility].ip_address',
      'network_interface[type=private].ip_address',
    ],
    name: 'hostname',
    tags: ['tags', 'labels'],
  },
  vultr_instance: {
    address: ['main_ip', 'v6_main_ip', 'internal_ip'],
    name: ['label', 'hostname'],
    tags: ['tags', 'tag'],
  },
};

/** Machines of which the provider doesn't tell where they are: another resource or an output has to. */
export const withoutAddress: readonly string[] = ['azurerm_virtual_machine'];

/** Where elements of outputs that are objects have theirs. */
const OUTPUT_RULE: TerraformRule = {
  address: ['address', 'ip', 'public_ip', 'ipv4_address', 'host', 'hostname'],
  user: 'user',
  port: 'port',
};

const OUTPUT = 'output.';

export interface RuleSet {
  /** By type of resource. */
  readonly types: ReadonlyMap<string, Rule>;
  /** By name of output: those that a person named. */
  readonly outputs: ReadonlyMap<string, Rule>;
}

/** @param given in the order in which they count less and less. @throws FerryError `usage` */
export function makeRules(given: readonly Readonly<Record<string, TerraformRule>>[]): RuleSet {
  const types = new Map<string, Rule>();
  const outputs = new Map<string, Rule>();
  for (const [type, rule] of Object.entries(BUILT_IN)) types.set(type, ruleOf(rule, false));
  for (const rules of given.toReversed()) {
    for (const [key, rule] of Object.entries(rules)) {
      const isOutput = key.startsWith(OUTPUT);
      const name = isOutput ? key.slice(OUTPUT.length) : key;
      const map = isOutput ? outputs : types;
      const before = map.get(name) ?? ruleOf(isOutput ? OUTPUT_RULE : {}, false);
      map.set(name, merged(rule, before));
    }
  }
  return { types, outputs };
}

function ruleOf(rule: TerraformRule, isExplicit: boolean): Rule {
  const { name = 'name', tags = 'tags', user, port, where = {}, ignore = false } = rule;
  const pathOf = (path: string): RulePath => ({ path: parseAttributePath(path), isExplicit });
  const pathsOf = (paths: string | readonly string[] | undefined): RulePath[] =>
    (typeof paths === 'string' ? [paths] : (paths ?? [])).map(pathOf);
  return {
    address: pathsOf(rule.address),
    name: pathsOf(name),
    tags: pathsOf(tags),
    user: user === undefined ? undefined : pathOf(user),
    port: port === undefined ? undefined : pathOf(port),
    where: Object.entries(where).map(([path, value]) => [pathOf(path), String(value)] as const),
    isIgnored: ignore,
    isExplicit,
  };
}

/** What a person leaves open stays as it was. */
function merged(rule: TerraformRule, before: Rule): Rule {
  const own = ruleOf(rule, true);
  return {
    address: rule.address === undefined ? before.address : own.address,
    name: rule.name === undefined ? before.name : own.name,
    tags: rule.tags === undefined ? before.tags : own.tags,
    user: own.user ?? before.user,
    port: own.port ?? before.port,
    where: rule.where === undefined ? before.where : own.where,
    // Who says where the address is wants it.
    isIgnored: rule.ignore ?? (rule.address === undefined && before.isIgnored),
    isExplicit: true,
  };
}

/**
 * As `--terraform-rule` takes them: `TYPE=PATH` says where the address is, `TYPE=-` that it is no host, `output.NAME` or
 * `output.NAME=PATH` that an output has hosts.
 * @throws FerryError `usage`
 */
export function parseRuleWord(word: string): Readonly<Record<string, TerraformRule>> {
  const equals = word.indexOf('=');
  const key = equals < 0 ? word : word.slice(0, equals);
  const path = equals < 0 ? undefined : word.slice(equals + 1);
  const isOutput = key.startsWith(OUTPUT);
  const isGood = /^(?:output\.)?[A-Za-z_][\w-]*$/.test(key) && path !== '';
  if (!isGood || (path === undefined && !isOutput)) {
    throw new FerryError('usage', `"${word}" is no rule for Terraform`, {
      hint: 'it is written TYPE=PATH, as aws_instance=private_ip, or output.NAME',
    });
  }
  if (path === '-') return { [key]: { ignore: true } };
  if (path === undefined) return { [key]: {} };
  parseAttributePath(path);
  return { [key]: { address: path } };
}
