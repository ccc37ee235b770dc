/**
 * What people write to say which hosts there are: the types of `ferry.config.ts`, and of `ferry.toml` with its fields in
 * kebab-case. They know nothing of how it is read.
 */

/** Seconds, or a number with its unit: `90`, `'90s'`, `'2m'`, `'1h'`. */
export type DurationText = number | string;

/** Fields that a host may have, or all hosts of a tag, or all hosts. */
export interface HostSettings {
  /** The user who logs in. Default: whom ssh takes for that host. */
  readonly user?: string | undefined;
  /** The port of ssh there. Default: the one that ssh takes for that host. */
  readonly port?: number | undefined;
  /** How work that needs root is done where the user who logs in isn't root. Default `'auto'`: sudo, else doas. */
  readonly become?: 'auto' | 'sudo' | 'doas' | 'never' | undefined;
  /**
   * What is to run there: a store path, a link to one, or what the Nix of this machine evaluates. `{name}` and
   * `{system}` in it stand for those of the host: `'./result-{name}'`.
   */
  readonly closure?: string | undefined;
  /** As Nix writes it. A closure for another system is refused before anything is sent. Default: what the host says. */
  readonly system?:
    | 'x86_64-linux'
    | 'aarch64-linux'
    | 'armv7l-linux'
    | 'riscv64-linux'
    | 'aarch64-darwin'
    | (string & {})
    | undefined;
  /** The profile on the host that gets a new generation. Default `/nix/var/nix/profiles/system`. */
  readonly profile?: string | undefined;
  /**
   * What makes a generation live: a line for `sh -c`, run on the host in the directory of the closure. `false` sets the
   * profile and runs nothing; `true` takes what the closure brings, which is the default.
   */
  readonly activate?: string | boolean | undefined;
  /** Of a NixOS system: what `bin/switch-to-configuration` is told. Instead of `activate`. */
  readonly action?: 'switch' | 'boot' | 'test' | 'dry-activate' | undefined;
  /** A program in the closure that makes it live: `'bin/activate'`. Instead of `activate`. */
  readonly program?: string | undefined;
  /** How long activation may take before it counts as failed. Default ten minutes. */
  readonly activationTimeout?: DurationText | undefined;
  /** How long the host waits for the confirmation before it goes back by itself. Default one minute. */
  readonly confirmTimeout?: DurationText | undefined;
  /** Links on the host that keep paths from being collected. Those of defaults, tags and the host add up. */
  readonly pins?: readonly PinConfig[] | undefined;
  /** What must hold for a new generation to be confirmed. Those of defaults, tags and the host add up. */
  readonly health?: readonly HealthConfig[] | undefined;
  /** `'ssh-ng'` where the store there is to be spoken to as a daemon. Default `'ssh'`. */
  readonly protocol?: 'ssh' | 'ssh-ng' | undefined;
  /** The file of the private key to log in with. Default: as ssh decides. */
  readonly sshKey?: string | undefined;
  /** The host's public key, `'ssh-ed25519 AAAA…'`: no other is then accepted. Default: known_hosts. */
  readonly hostKey?: string | undefined;
  /** Whether ssh compresses. Default false. */
  readonly compress?: boolean | undefined;
  /** The program that answers there instead of `nix-store` or `nix-daemon`. */
  readonly remoteProgram?: string | undefined;
  /** The store that the program there opens, as a URI of that machine. Default: its own. */
  readonly remoteStore?: string | undefined;
  /** The store directory there. Default `/nix/store`. */
  readonly store?: string | undefined;
  /** How many connections a copy to it may have. Default 1. */
  readonly maxConnections?: number | undefined;
}

/** A host. */
export interface HostConfig extends HostSettings {
  /**
   * Where it is reached: an IP address, a DNS name, or a name in ssh_config. Default: what another inventory says of a
   * host of that name, else the name itself.
   */
  readonly address?: string | undefined;
  /** Instead of `address`, `user`, `port` and the fields of ssh, as one: `'ssh://root@10.0.0.7:2222'`. */
  readonly uri?: string | undefined;
  /** Names of groups that it is in: `@web` on the command line means all hosts with the tag `web`. */
  readonly tags?: readonly string[] | undefined;
}

/** For every host, of whichever inventory. */
export interface DefaultsConfig extends HostSettings {
  /** Tags that every host has. */
  readonly tags?: readonly string[] | undefined;
}

/** A link on the host that keeps a path from being collected, where people find it. `{name}` is filled in. */
export interface PinConfig {
  /** Absolute path of the link on the host: `'/etc/nixos/current-configuration'`. */
  readonly link: string;
  /** A store path, or a file or directory here that is added to the store. Default: the closure itself. */
  readonly source?: string | undefined;
}

/** One check: exactly one of `command`, `tcp` and `http`. */
export interface HealthConfig {
  /** A line for `sh -c` on the host, which must end with 0. */
  readonly command?: string | undefined;
  /** A port of the host that must accept connections from this machine. */
  readonly tcp?: number | undefined;
  /** A URL that must answer this machine with a status of 200 to 399. `{host}` stands for the host's address. */
  readonly http?: string | undefined;
  /** How long it may take. Default ten seconds. */
  readonly timeout?: DurationText | undefined;
}

/** Hosts out of Terraform or OpenTofu. */
export interface TerraformConfig {
  /** A directory, a state file or the output of `terraform show -json`. Relative to this file. */
  readonly path: string;
  /**
   * What is a host, by type of resource (`'aws_instance'`) or by output (`'output.web_ips'`). They come before the rules
   * that ferry has.
   */
  readonly rules?: Readonly<Record<string, TerraformRule>> | undefined;
}

/** Paths name attributes: `'network_interface.0.access_config.0.nat_ip'`, `'ipv6_addresses[0]'`, `'addresses[*].ip'`. */
export interface TerraformRule {
  /** Where its address is; of several the first that is there. */
  readonly address?: string | readonly string[] | undefined;
  /** Where its name is; of several the first that is there. */
  readonly name?: string | readonly string[] | undefined;
  /** Where its tags are: a list, a map of labels, or one word. */
  readonly tags?: string | readonly string[] | undefined;
  /** Where the user is who logs in. */
  readonly user?: string | undefined;
  /** Where the port of ssh is. */
  readonly port?: string | undefined;
  /** Only those count whose attributes have these values: `{ 'tags.Role': 'web' }`. */
  readonly where?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** They are no hosts. */
  readonly ignore?: boolean | undefined;
}

/** Hosts out of ssh_config. */
export interface SshConfigConfig {
  /** Those names of `Host` lines that match one of these: `['web-*']`. */
  readonly patterns: readonly string[];
}

/** Who the hosts are. */
export interface FleetConfig {
  /** For every host. */
  readonly defaults?: DefaultsConfig | undefined;
  /** For every host that has the tag. Where a host has several, the later one in its list counts. */
  readonly tags?: Readonly<Record<string, HostSettings>> | undefined;
  /** By name. What a host says of itself counts more than what its tags say, and that more than `defaults`. */
  readonly hosts?: Readonly<Record<string, HostConfig>> | undefined;
  readonly terraform?: TerraformConfig | undefined;
  readonly sshConfig?: SshConfigConfig | undefined;
}

/** A fleet, or a function that finds out which it is. */
export type FleetDefinition = FleetConfig | (() => FleetConfig | Promise<FleetConfig>);

/**
 * Gives `ferry.config.ts` its types; it returns what it is given.
 *
 * ```ts
 * import { defineFleet } from 'nix-ferry';
 *
 * export default defineFleet({
 *   defaults: { user: 'root', closure: './result-{name}' },
 *   hosts: {
 *     'web-1': { address: '10.0.0.7', tags: ['web'] },
 *     'web-2': { address: '10.0.0.8', tags: ['web'] },
 *   },
 *   tags: { web: { health: [{ http: 'http://{host}/' }] } },
 * });
 * ```
 */
export function defineFleet(definition: FleetDefinition): FleetDefinition {
  return definition;
}
