/**
 * One host from "all is there" to its end: the activation is started there, followed whatever becomes of the
 * connection, and confirmed over a connection that was made after it, once the health checks hold. The host decides in
 * the end: without a confirmation it goes back by itself.
 */
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../error.ts';
import {
  decideActivation,
  findActivation,
  followActivation,
  newActivationId,
  recoverActivation,
  startActivation,
  type ActivationRequest,
} from './agent/agent.ts';
import type { ActivationState } from './activation-state.ts';
import { checkHealth } from './check-health.ts';
import type { DeployOutcome } from './events.ts';
import type { Host } from './fleet.ts';
import type { HostLink } from './host-link.ts';
import { agentSlackMs, isOver } from './settle-earlier.ts';

export interface MakeLiveOptions {
  readonly host: Host;
  /** What is run there as root. */
  readonly asRoot: boolean;
  /** What the host's name means to ssh. */
  readonly address: string;
  readonly signal?: AbortSignal | undefined;
  readonly onLine: (line: string) => void;
  /** The host waits to be confirmed. */
  readonly onConfirming: () => void;
}

export interface MadeLive {
  readonly outcome: DeployOutcome;
  /** As far as it is known. */
  readonly state: ActivationState | undefined;
  readonly error?: unknown;
}

/** Beyond the time that activating, waiting and going back may take: starting things, and logging in. */
const slackMs = 30_000;

/**
 * @param work what to start, or an activation that is under way already: what somebody else began and couldn't finish
 * @throws FerryError why the host didn't begin it: nothing is changed there then
 */
export async function makeLive(
  link: HostLink,
  work: ActivationRequest | ActivationState,
  options: MakeLiveOptions,
): Promise<MadeLive> {
  const { host, asRoot, signal, onLine } = options;
  const limits = limitsOf(host);
  // A new connection begins to read the log where the last one stopped.
  const position = { lines: 0 };
  let state: ActivationState | undefined;
  const follow = async (id: string, pastWaiting: boolean): Promise<ActivationState> => {
    const until = pastWaiting ? limits.untilBack() : limits.untilDecided();
    // A host that answers and comes to no end must not hold up the run.
    const how = { asRoot, signal, onLine, deadline: until + agentSlackMs };
    const found = await link.persist(until, (connection) =>
      followActivation(connection, id, { ...how, position, pastWaiting }),
    );
    if (found.phase !== 'lost') return found;
    // It was switched off, or somebody killed what cared for it.
    const untilBack = limits.untilBack();
    return await link.persist(untilBack, (connection) =>
      recoverActivation(connection, id, { ...how, deadline: untilBack + agentSlackMs }),
    );
  };
  try {
    const id = 'id' in work ? work.id : await begin(link, work, options);
    state = await follow(id, false);
    if (state.phase !== 'waiting') return ended(link, host, state);
    options.onConfirming();
    const problem = await confirm(link, id, options);
    state = await follow(id, true);
    return ended(link, host, state, problem);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NotBegun) throw error.cause;
    return { outcome: 'unknown', state, error };
  }
}

/** The host refused to begin, and had not been asked before. */
class NotBegun extends Error {}

const REFUSALS: readonly ErrorCode[] = ['conflict', 'denied', 'no-space', 'not-found', 'usage'];

/** Where the connection breaks while it is started, nobody knows whether it was: then it is looked for, whatever became of it. */
async function begin(
  link: HostLink,
  request: ActivationRequest,
  { asRoot, signal }: MakeLiveOptions,
): Promise<string> {
  const tried = new Set<string>();
  return await link.persist(performance.now() + slackMs, async (connection) => {
    const options = { asRoot, signal };
    const findOurs = async (): Promise<string | undefined> => {
      const found = await findActivation(connection, request.profile, options);
      if (found === undefined) return undefined;
      const isSame = found.newPath === request.newPath && !isOver(found);
      return tried.has(found.id) || isSame ? found.id : undefined;
    };
    const begun = tried.size === 0 ? undefined : await findOurs();
    if (begun !== undefined) return begun;
    const id = newActivationId(request.profile);
    tried.add(id);
    try {
      return await startActivation(connection, request, { ...options, id });
    } catch (error) {
      if (!REFUSALS.some((code) => isFerryError(error, code))) throw error;
      if (tried.size === 1) throw new NotBegun('the host did not begin', { cause: error });
      // The one before may have been begun since we looked.
      const late = await findOurs();
      if (late !== undefined) return late;
      throw error;
    }
  });
}

interface Limits {
  /** By when it should wait for us, or have come to its end without us. */
  untilDecided(): number;
  /** By when it should have gone back, if nobody confirms. */
  untilBack(): number;
}

function limitsOf({ activationTimeoutMs, confirmTimeoutMs }: Host): Limits {
  const after = (ms: number): number => performance.now() + ms + slackMs;
  return {
    untilDecided: () => after(2 * activationTimeoutMs + confirmTimeoutMs),
    untilBack: () => after(confirmTimeoutMs + activationTimeoutMs),
  };
}

/** Says to the host what is decided, if it can. @returns what kept it from being confirmed */
async function confirm(
  link: HostLink,
  id: string,
  options: MakeLiveOptions,
): Promise<FerryError | undefined> {
  const { host, asRoot, address, signal } = options;
  let problem: FerryError | undefined;
  try {
    const connection = await link.renew(performance.now() + host.confirmTimeoutMs);
    await checkHealth(host.healthChecks, { connection, address, asRoot, signal });
  } catch (error) {
    signal?.throwIfAborted();
    problem = error instanceof FerryError ? error : new FerryError('failed', messageOf(error));
  }
  const decision = problem === undefined ? 'confirm' : 'roll-back';
  try {
    // Too late is told by the state it ends in.
    await decideActivation(link.connection, id, decision, { asRoot, signal });
    return problem;
  } catch (error) {
    signal?.throwIfAborted();
    // It can't be told, so it goes back by itself, as it would have to.
    return problem ?? (error instanceof FerryError ? error : undefined);
  }
}

function ended(
  { wasOutOfReach }: HostLink,
  host: Host,
  state: ActivationState,
  problem?: FerryError,
): MadeLive {
  switch (state.phase) {
    case 'live':
      return { outcome: liveOutcome(host), state };
    case 'rolled-back':
      return {
        outcome: 'rolled-back',
        state,
        error: wentBack(host, state, { problem, wasOutOfReach }),
      };
    case 'stuck':
    case 'lost':
    case 'prepared':
    case 'activating':
    case 'waiting':
    case 'rolling-back':
      return { outcome: 'unknown', state, error: isNowhere(host, state) };
  }
}

function liveOutcome({ activation }: Host): DeployOutcome {
  if (activation.kind !== 'nixos') return 'live';
  switch (activation.action) {
    case 'switch':
      return 'live';
    case 'boot':
      return 'at-next-boot';
    case 'test':
    case 'dry-activate':
      return 'done';
  }
}

function wentBack(
  { name }: Host,
  { reason, oldGeneration }: ActivationState,
  { problem, wasOutOfReach }: { problem: FerryError | undefined; wasOutOfReach: boolean },
): FerryError {
  const what =
    oldGeneration === undefined
      ? `"${name}" is without a generation again`
      : `"${name}" went back to generation ${oldGeneration}`;
  const says = reason ?? 'the activation did not succeed';
  const why = problem?.message ?? (wasOutOfReach ? `${says}, for it could not be reached` : says);
  const details = problem === undefined ? {} : { cause: problem };
  return new FerryError('failed', `${what}: ${why}`, details);
}

function isNowhere(host: Host, { phase, reason }: ActivationState): FerryError {
  const why = reason ?? `its activation is "${phase}"`;
  return new FerryError('failed', `nobody knows what runs on "${host.name}": ${why}`, {
    hint: `look at it: ferry fleet status ${host.name}`,
  });
}
