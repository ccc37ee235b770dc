/**
 * Where an activation on a host stands. The agent there (`agent/`) keeps it in a directory of its own, so that it is
 * known to whoever asks, over whichever connection and after whatever happened.
 */

/** An activation goes from `prepared` to one of the ends: `live`, `rolled-back`, `stuck`. */
export type ActivationPhase =
  /** Written down, not begun. */
  | 'prepared'
  /** The profile is set and the activation program runs. */
  | 'activating'
  /** It ended well; the host waits for the confirmation. */
  | 'waiting'
  | 'rolling-back'
  /** Confirmed. */
  | 'live'
  /** The old generation runs again. */
  | 'rolled-back'
  /** Going back failed as well, or there was nothing to go back to: somebody must look. */
  | 'stuck'
  /** The agent is gone though it hadn't come to an end: the host was switched off, or somebody killed it. */
  | 'lost';

export interface ActivationState {
  readonly id: string;
  readonly phase: ActivationPhase;
  readonly profile: string;
  /** As printed. */
  readonly newPath: string;
  /** Undefined where the profile was empty. */
  readonly oldPath: string | undefined;
  readonly oldGeneration: number | undefined;
  /** The number that the new generation got; undefined where none was made. */
  readonly newGeneration: number | undefined;
  /** Why it went back or is stuck, for people: `bin/activate ended with status 4`, `nobody confirmed within 60 s`. */
  readonly reason: string | undefined;
  /** Seconds since the epoch, by the host's clock, of the last change. */
  readonly changedAt: number;
}
