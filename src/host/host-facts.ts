/** What a host says of itself before anything is changed on it. */

export interface HostFacts {
  /** As Nix writes it: `x86_64-linux`. */
  readonly system: string;
  /** Other systems whose programs it runs too, by its nix.conf. */
  readonly extraSystems: readonly string[];
  /** The user who logged in. */
  readonly user: string;
  readonly home: string;
  /** How root is reached: not at all, by being it, or by a program that does or doesn't ask for a password. */
  readonly becomesRoot: BecomesRoot;
  /** Versions; undefined where the program isn't there. */
  readonly nixVersion: string | undefined;
  readonly ferryVersion: string | undefined;
  /** Before arguments of `nix-store` and `nix-env`, as words: `['nix-store']`, `['ferry', 'nix-store']`. */
  readonly nixStore: readonly string[] | undefined;
  readonly nixEnv: readonly string[] | undefined;
  /** systemd is process 1, so that a transient unit can supervise. */
  readonly hasSystemd: boolean;
  /** Changes with every start of the host. */
  readonly bootId: string;
  /** Free bytes where the store is; undefined where it couldn't be known. */
  readonly freeBytes: number | undefined;
  /** Time of the host minus ours. */
  readonly clockSkewMs: number;
}

export type BecomesRoot =
  | { readonly how: 'is-root' }
  | { readonly how: 'sudo' | 'doas'; readonly needsPassword: boolean }
  /** `why` is for people: there is neither sudo nor doas, or it refuses this user. */
  | { readonly how: 'impossible'; readonly why: string };
