/**
 * What earlier runs left on a host: an activation that nobody confirmed yet, one that is being undone, one that was cut
 * off by a power loss. A new one begins only when that has come to its end.
 */
import { FerryError } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { pause } from '../system/pause.ts';
import { findActivation, recoverActivation } from './agent/agent.ts';
import type { ActivationState } from './activation-state.ts';
import type { Host } from './fleet.ts';

export interface SettleOptions {
  readonly asRoot: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning: (message: string) => void;
}

const askAgainMs = 1000;
const slackMs = 30_000;
/** What an agent may take beyond the times of its host, for a nix-env that hangs and for programs that don't die. */
export const agentSlackMs: number = 420_000;

/**
 * @param printed the path that is to run there
 * @returns the last activation of the profile: one of `printed` may still be under way, to be followed and confirmed;
 *   any other has come to its end.
 * @throws FerryError `conflict` where another one doesn't end in the time it may take
 */
export async function settleEarlier(
  connection: HostConnection,
  host: Host,
  printed: string,
  options: SettleOptions,
): Promise<ActivationState | undefined> {
  const { signal, onWarning } = options;
  const deadline =
    performance.now() + 2 * host.activationTimeoutMs + host.confirmTimeoutMs + slackMs;
  let isTold = false;
  for (;;) {
    const state = await findActivation(connection, host.profile, options);
    if (state === undefined || isOver(state)) return state;
    if (state.phase === 'lost') {
      onWarning('an earlier activation was cut off: going back to where it began');
      const limit = deadline + agentSlackMs;
      return await recoverActivation(connection, state.id, { ...options, deadline: limit });
    }
    if (state.newPath === printed && state.phase !== 'rolling-back') return state;
    if (performance.now() > deadline) {
      throw new FerryError(
        'conflict',
        `cannot deploy to "${host.name}": an activation of "${state.newPath}" is still under way there`,
        { path: state.newPath },
      );
    }
    if (!isTold) onWarning(waitingFor(state));
    isTold = true;
    await pause(askAgainMs, signal);
  }
}

export function isOver({ phase }: ActivationState): boolean {
  return phase === 'live' || phase === 'rolled-back' || phase === 'stuck';
}

function waitingFor({ phase, newPath }: ActivationState): string {
  return phase === 'rolling-back'
    ? 'it is going back to its old generation: waiting for the end of that'
    : `an activation of "${newPath}" is under way there: waiting for the end of that`;
}
