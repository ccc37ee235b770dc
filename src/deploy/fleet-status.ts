/**
 * How a host stands to what its inventory says of it, out of what the host answered. Pure: asking is `ask-status.ts`.
 */
import type { HostFacts } from '../host/host-facts.ts';
import type { ActivationState } from './activation-state.ts';
import type { ProfileSurvey } from './agent/agent.ts';
import type { Host } from './fleet.ts';

export type HostStanding =
  /** It runs what the inventory says. */
  | 'as-it-should-be'
  /** The inventory doesn't say what is to run there. */
  | 'unsaid'
  /** The profile is what it should be, and another system runs until the host is started next. */
  | 'at-next-boot'
  /** It has what it should run, as a later generation than the one that runs. */
  | 'older-generation'
  /** It had what it should run, before the generation that runs. */
  | 'newer-generation'
  /** It never had what it should run. */
  | 'other'
  /** The profile is empty. */
  | 'nothing'
  /** An activation is under way, or waits to be confirmed. */
  | 'activation-waiting'
  | 'activation-rolled-back'
  /** It was cut off, and nobody has cared for it since. */
  | 'activation-lost'
  /** Going back failed too. */
  | 'activation-stuck'
  /** It could not be asked. */
  | 'unreachable';

/** What is to run on a host, as it was written in an inventory. */
export interface WantedPath {
  /** Store path, as printed; undefined where nothing is said, or it couldn't be found. */
  readonly path: string | undefined;
  /** Why it couldn't be found. */
  readonly error?: unknown;
}

/** What a host answered. */
export interface StatusAnswers {
  readonly facts: HostFacts;
  readonly profile: ProfileSurvey;
  /** The latest of the profile; undefined where there is none, or it may not be looked at. */
  readonly activation: ActivationState | undefined;
  /** Whether it may be looked at. */
  readonly isActivationKnown: boolean;
  /** The host runs another kernel than that of the system that is active; undefined where it has no such system. */
  readonly needsReboot: boolean | undefined;
}

export interface HostStatus {
  readonly host: string;
  readonly profile: string;
  readonly standing: HostStanding;
  /** What the inventory says. */
  readonly wanted: WantedPath;
  /** What the profile leads to, as printed, and the number of that generation. */
  readonly path: string | undefined;
  readonly generation: number | undefined;
  /** When the profile was led there, in milliseconds since 1970 by our clock. */
  readonly sinceMs: number | undefined;
  /** The system that is active, where that can be told and isn't the profile's. */
  readonly activePath: string | undefined;
  readonly needsReboot: boolean | undefined;
  readonly activation: ActivationState | undefined;
  readonly isActivationKnown: boolean;
  /** Undefined where it couldn't be asked. */
  readonly facts: HostFacts | undefined;
  /** Why it couldn't be asked. */
  readonly error: unknown;
}

export function hostStatus(
  { name, profile }: Pick<Host, 'name' | 'profile'>,
  wanted: WantedPath,
  answers: StatusAnswers,
): HostStatus {
  const { facts, activation, isActivationKnown, needsReboot } = answers;
  const { current, currentPath, currentSinceMs, activePath } = answers.profile;
  return {
    host: name,
    profile,
    standing: standingOf(wanted.path, answers),
    wanted,
    path: currentPath,
    generation: current,
    sinceMs:
      currentSinceMs === undefined ? undefined : currentSinceMs - wholeSeconds(facts.clockSkewMs),
    activePath: activePath === currentPath ? undefined : activePath,
    needsReboot,
    activation,
    isActivationKnown,
    facts,
    error: undefined,
  };
}

/** Times of files are told in seconds: the time that our question was under way makes them no more exact. */
function wholeSeconds(ms: number): number {
  return Math.round(ms / 1000) * 1000;
}

export function unreachableStatus(
  { name, profile }: Pick<Host, 'name' | 'profile'>,
  wanted: WantedPath,
  error: unknown,
): HostStatus {
  return {
    host: name,
    profile,
    standing: 'unreachable',
    wanted,
    path: undefined,
    generation: undefined,
    sinceMs: undefined,
    activePath: undefined,
    needsReboot: undefined,
    activation: undefined,
    isActivationKnown: false,
    facts: undefined,
    error,
  };
}

function standingOf(
  wanted: string | undefined,
  { profile, activation }: StatusAnswers,
): HostStanding {
  const { current, currentPath, activePath, generations } = profile;
  const unsettled = standingOfActivation(activation);
  if (unsettled !== undefined) return unsettled;
  if (wanted !== undefined && currentPath === wanted) {
    return activePath === undefined || activePath === wanted ? 'as-it-should-be' : 'at-next-boot';
  }
  // What rolled back long ago says nothing about what somebody else did since.
  const isLatest = currentPath === activation?.oldPath && activation?.newPath === wanted;
  if (activation?.phase === 'rolled-back' && isLatest) return 'activation-rolled-back';
  if (currentPath === undefined) return 'nothing';
  if (wanted === undefined) return 'unsaid';
  const had = generations.findLast(({ path }) => path === wanted)?.number;
  if (had === undefined || current === undefined) return 'other';
  return had > current ? 'older-generation' : 'newer-generation';
}

/** Of one that must be looked at whatever runs. */
function standingOfActivation(activation: ActivationState | undefined): HostStanding | undefined {
  switch (activation?.phase) {
    case 'prepared':
    case 'activating':
    case 'waiting':
    case 'rolling-back':
      return 'activation-waiting';
    case 'lost':
      return 'activation-lost';
    case 'stuck':
      return 'activation-stuck';
    case 'live':
    case 'rolled-back':
    case undefined:
      return undefined;
  }
}

/** Whether nothing has to be done. */
export function isAsSaid({ standing, wanted }: Pick<HostStatus, 'standing' | 'wanted'>): boolean {
  return standing === 'as-it-should-be' || (standing === 'unsaid' && wanted.error === undefined);
}
