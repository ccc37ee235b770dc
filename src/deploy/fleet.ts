/**
 * A fleet as data: which hosts there are, how each is reached, what is to run on it and how that is made live. All
 * inventories (`inventory/`: ferry.config.ts, ferry.toml, Terraform, ssh_config, the command line) end in this, and
 * nothing after them knows where a host came from but to say so.
 */
import type { HostTarget } from '../host/host-target.ts';

export interface Host extends HostTarget {
  readonly tags: readonly string[];
  /** What is to run there, as it was written: a store path, a link to one, or what the Nix of this machine evaluates. */
  readonly closure: string | undefined;
  /** As Nix writes it, `aarch64-linux`; undefined where the host alone is asked. */
  readonly system: string | undefined;
  /** Absolute path on the host. */
  readonly profile: string;
  readonly activation: Activation;
  readonly pins: readonly Pin[];
  readonly healthChecks: readonly HealthCheck[];
  /** How long activation may take before it counts as failed. */
  readonly activationTimeoutMs: number;
  /** How long the host waits for the confirmation before it goes back. */
  readonly confirmTimeoutMs: number;
  /** What says that this host exists, for people: `ferry.toml`, `Terraform: aws_instance.web[0]`. */
  readonly origin: string;
}

/** What makes a generation live, run on the host as the owner of the profile. */
export type Activation =
  /** What the closure brings: `nixos` with `switch`, or the first of the known programs, or none. */
  | { readonly kind: 'auto' }
  /** `bin/switch-to-configuration ACTION` of a NixOS system. */
  | { readonly kind: 'nixos'; readonly action: NixosAction }
  /** A program in the closure, by its path there: `bin/activate`. */
  | { readonly kind: 'program'; readonly path: string }
  /** A line for `sh -c`, run in the directory of the closure; to go back the same line runs in the old one's. */
  | { readonly kind: 'command'; readonly command: string }
  /** The profile alone. */
  | { readonly kind: 'none' };

/** `test` and `dry-activate` make no generation; `boot` changes nothing that runs. */
export type NixosAction = 'switch' | 'boot' | 'test' | 'dry-activate';

/** A link on the host that keeps a path from being collected, where people find it. */
export interface Pin {
  /** Absolute path of the link on the host. */
  readonly link: string;
  /** A store path, or a file or directory of this machine that is added to the store; undefined is the closure itself. */
  readonly source: string | undefined;
}

export type HealthCheck =
  /** A line for `sh -c` on the host, which must end with 0. */
  | { readonly kind: 'command'; readonly command: string; readonly timeoutMs: number }
  /** A port of the host that must accept connections from here. */
  | { readonly kind: 'tcp'; readonly port: number; readonly timeoutMs: number }
  /** Must answer this machine with a status of 200 to 399. `{host}` in it stands for the host's address. */
  | { readonly kind: 'http'; readonly url: string; readonly timeoutMs: number };

export interface Fleet {
  /** By name, in the order they were told of. */
  readonly hosts: ReadonlyMap<string, Host>;
}

export const defaultProfile = '/nix/var/nix/profiles/system';
export const defaultActivationTimeoutMs: number = 10 * 60_000;
export const defaultConfirmTimeoutMs: number = 60_000;
export const defaultHealthTimeoutMs: number = 10_000;
