/** What a row of the benchmark says: which set goes from where to where, and what we want of ourselves. */
import type { SetName } from './corpus.ts';

/** Caches that are read were written by Nix, once. */
export interface CacheEnd {
  /** `http`: the directory behind a server of static files, in a process of its own. Nothing is written there. */
  readonly cache: 'file' | 'http';
  readonly compression: 'none' | 'zstd' | 'xz';
}

/** `ssh`, `ssh-ng`: a plain Nix behind a real sshd on loopback. */
export type End = 'local' | 'ssh' | 'ssh-ng' | CacheEnd;

/** The bar is for reading: falling short of it fails nothing. Met is what meets all that it says. */
export interface Bar {
  /** Of the time that Nix takes. */
  readonly ratioMax?: number;
  readonly secondsMax?: number;
  readonly peakBytesMax?: number;
}

export interface Row {
  /** For the command line. */
  readonly name: string;
  /** For the table. */
  readonly what: string;
  readonly set: SetName;
  readonly from: End;
  readonly to: End;
  /** One way, on the link to the far end. */
  readonly delayMs?: number;
  /** The destination has everything already. */
  readonly isFilled?: boolean;
  /** Where more rounds would take minutes and tell nothing new. */
  readonly roundsMax?: number;
  readonly bar: Bar;
}
