/** What happens during a deployment, for whoever shows or logs it. Every event concerns one host. */
import type { CopyEvent } from '../copy/events.ts';

/** In the order a host goes through them. */
export type DeployPhase =
  | 'connecting'
  | 'checking'
  /** Checked, until the others are. */
  | 'ready'
  | 'copying'
  /** All is there, until it is this host's turn. */
  | 'copied'
  | 'activating'
  | 'confirming';

export type DeployOutcome =
  /** The new generation runs and is confirmed. */
  | 'live'
  /** It ran already; nothing was done. */
  | 'unchanged'
  /** For `boot`: the new generation is the profile's, and runs when the host is started next. */
  | 'at-next-boot'
  /** All that was asked for is done and no generation was made: `test`, `dry-activate`, `--no-activate`. */
  | 'done'
  /** The old generation runs again. */
  | 'rolled-back'
  /** Nothing was changed: it doesn't answer. */
  | 'unreachable'
  /** Nothing was changed: it lacks room, a signature, a way to become root, is of another system, … */
  | 'refused'
  /** Something went wrong before the generation was changed; paths may have been copied. */
  | 'failed'
  /** Its turn didn't come: others failed before, or the run was stopped. */
  | 'skipped'
  /** Nobody knows which generation runs: it can't be reached, or going back failed. */
  | 'unknown';

export type DeployEvent = { readonly host: string } & (
  | { readonly type: 'phase'; readonly phase: DeployPhase }
  /** Of the paths that go to this host. */
  | { readonly type: 'copy'; readonly event: CopyEvent }
  /** A line that the activation printed, fit for a terminal. */
  | { readonly type: 'line'; readonly line: string }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'ended'; readonly result: HostResult }
);

export interface HostResult {
  readonly host: string;
  readonly outcome: DeployOutcome;
  /** The store path that was to run there, as printed; undefined where it never came to that. */
  readonly path: string | undefined;
  /** The generation that runs now, where known. */
  readonly generation: number | undefined;
  /** The one before, where there is one. */
  readonly oldGeneration: number | undefined;
  /** What went wrong; undefined where nothing did. */
  readonly error: unknown;
  readonly copiedPaths: number;
  readonly copiedBytes: number;
}

export type OnDeployEvent = (event: DeployEvent) => void;
