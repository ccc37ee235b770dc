/** Going back to an older generation on hosts, with the same care as going forward: supervised, and confirmed. */
import { FerryError } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { forEachAtOnce } from '../system/at-once.ts';
import { surveyProfile, type HostGeneration, type ProfileSurvey } from './agent/agent.ts';
import { actsAsRoot, requirePrograms } from './check-host.ts';
import type { DeployOptions } from './deploy.ts';
import type { HostResult } from './events.ts';
import type { Host } from './fleet.ts';
import { HostLink } from './host-link.ts';
import { HostStory } from './host-story.ts';
import { makeLive } from './make-live.ts';
import { settleEarlier } from './settle-earlier.ts';
import { Turns } from './strategy.ts';

export type RollBackOptions = Pick<
  DeployOptions,
  'open' | 'addressOf' | 'strategy' | 'maxFailures' | 'parallel' | 'signal' | 'onEvent'
> & {
  /** By default the one before the current one. */
  readonly generation?: number | undefined;
  /** Find out what would be done, tell it, and end there: nothing is changed on any host. */
  readonly onPlan?: ((plan: RollBackPlan) => void) | undefined;
};

/** What going back would do on a host. */
export interface RollBackPlan {
  readonly host: string;
  /** The generation that the profile leads to now; undefined where it leads to none. */
  readonly current: number | undefined;
  readonly currentPath: string | undefined;
  readonly goal: HostGeneration;
}

/**
 * @returns how each host ended, in their order: one that failed is no error here
 * @throws the reason of `signal`, once every host has been told of as ended
 */
export async function rollBack(
  hosts: readonly Host[],
  options: RollBackOptions,
): Promise<HostResult[]> {
  const { signal, parallel } = options;
  const turns = new Turns(options);
  const stories = hosts.map((host) => new HostStory(host.name, { ...options, turns }));
  const onAbort = (): void => turns.stop();
  signal?.addEventListener('abort', onAbort);
  try {
    await forEachAtOnce(hosts.entries(), parallel, async ([index, host]) => {
      const story = stories[index];
      if (story === undefined) return;
      try {
        await rollBackHost(host, story, options);
      } catch (error) {
        story.refuse(error);
      }
    });
    signal?.throwIfAborted();
    return stories.map(({ result }) => result).filter((result) => result !== undefined);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** @throws what kept it from being begun */
async function rollBackHost(host: Host, story: HostStory, options: RollBackOptions): Promise<void> {
  const { signal, onPlan } = options;
  signal?.throwIfAborted();
  story.enter('connecting');
  await using link = new HostLink(await options.open(host, { signal }), signal);
  story.enter('checking');
  requirePrograms(link.connection);
  const asRoot = actsAsRoot(host, link.connection);
  story.enter('ready');
  if (!(await story.takeTurn())) return;
  const onWarning = (message: string): void => story.warn(message);
  const earlier =
    onPlan === undefined
      ? await settleEarlier(link.connection, host, '', { asRoot, signal, onWarning })
      : undefined;
  const profile = await surveyProfile(link.connection, host.profile, { asRoot, signal });
  const goal = generationToGoTo(link.connection, host, profile, options.generation);
  if (onPlan !== undefined) {
    const { current, currentPath } = profile;
    onPlan({ host: host.name, current, currentPath, goal });
    return story.end('done', { path: goal.path });
  }
  // Where going back failed, the profile alone is what it should be.
  if (goal.number === profile.current && earlier?.phase !== 'stuck') {
    return story.end('unchanged', { path: goal.path, generation: goal.number });
  }
  story.enter('activating');
  const { activation, activationTimeoutMs, confirmTimeoutMs } = host;
  const request = {
    profile: host.profile,
    newPath: goal.path,
    generation: goal.number,
    activation,
    activationTimeoutMs,
    confirmTimeoutMs,
  };
  const live = await makeLive(link, request, {
    host,
    asRoot,
    address: await options.addressOf(host),
    signal,
    onLine: (line) => story.line(line),
    onConfirming: () => story.enter('confirming'),
  });
  const isUnknown = live.outcome === 'unknown';
  const isBack = live.outcome === 'rolled-back';
  story.end(live.outcome, {
    path: isBack ? profile.currentPath : goal.path,
    error: live.error,
    generation: isUnknown ? undefined : isBack ? profile.current : goal.number,
    oldGeneration: isBack ? undefined : profile.current,
  });
}

function generationToGoTo(
  { host: { name } }: HostConnection,
  { profile }: Host,
  { generations, current }: ProfileSurvey,
  wanted: number | undefined,
): HostGeneration {
  const numbers = generations.map(({ number }) => number).join(', ');
  if (wanted !== undefined) {
    const found = generations.find(({ number }) => number === wanted);
    if (found !== undefined) return found;
    throw new FerryError('not-found', `"${name}" has no generation ${wanted} of "${profile}"`, {
      hint: numbers === '' ? 'it has none' : `it has ${numbers}`,
    });
  }
  if (current === undefined) {
    throw new FerryError('not-found', `"${name}" has no profile "${profile}"`);
  }
  const older = generations.filter(({ number }) => number < current);
  const newest = older.sort((a, b) => a.number - b.number).at(-1);
  if (newest !== undefined) return newest;
  throw new FerryError('not-found', `"${name}" has no generation older than ${current}`, {
    hint:
      numbers === String(current) ? 'it is the only one' : `it has ${numbers}: name one with --to`,
  });
}
