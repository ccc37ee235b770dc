/** How a host is reached. */

/** Where a host is reached, by ssh. */
export interface HostTarget {
  /** How people call it; unique in a fleet. */
  readonly name: string;
  /** A store URI of kind `ssh` or `ssh-ng`, with all its parameters: `ssh://root@10.0.0.7:2222`. */
  readonly uri: string;
  readonly becomeRoot: BecomeRoot;
}

/**
 * How work that needs root is done where the user who logs in isn't: `auto` is sudo, or doas where there is no sudo;
 * `never` leaves all to that user, for a profile of his own.
 */
export type BecomeRoot = 'auto' | 'sudo' | 'doas' | 'never';
