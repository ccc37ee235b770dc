/**
 * An activation on a host, from here: it is started, followed, decided; the agent there (`script-agent.ts`) does it, and goes
 * on whatever becomes of us.
 */
import { FerryError } from '../../error.ts';
import type { HostConnection } from '../../host/host-connection.ts';
import type { ActivationState } from '../activation-state.ts';
import { followActivation, type FollowOptions } from './follow.ts';
import { parseState } from './parse-state.ts';
import {
  assignments,
  newActivationId,
  requireProfile,
  startScriptFor,
  turnsKey,
  type ActivationRequest,
} from './request.ts';
import { runScript, type AgentOptions } from './run-script.ts';
import { decideScript, findScript, readScript, recoverScript } from './script-client.ts';
import { commonClientScript } from './script-common.ts';

/** Above what the scripts themselves wait for: an agent that doesn't start. */
const timeoutMs = 90_000;

export interface StartOptions extends AgentOptions {
  /** Of the activation, by `newActivationId`: whoever chose it knows its own again. */
  readonly id?: string | undefined;
}

/**
 * Starts an activation under the supervision of the host. One whose outcome is not known, as the connection broke, may have been
 * begun: `findActivation` tells.
 * @returns its id
 * @throws FerryError `conflict` where another one of the profile is under way or lost; `not-found`, `denied`, `no-space`
 */
export async function startActivation(
  connection: HostConnection,
  request: ActivationRequest,
  { asRoot, signal, id = newActivationId(request.profile) }: StartOptions = {},
): Promise<string> {
  const { newPath, profile } = request;
  const doing = `activate "${newPath}"`;
  const script = startScriptFor(connection, id, request);
  const answer = await runScript(connection, doing, script, { asRoot, signal, timeoutMs });
  const { word, rest: other } = answerWords(connection, doing, answer);
  const where = `on "${connection.host.name}"`;
  switch (word) {
    case 'started':
      return id;
    case 'busy':
      throw new FerryError(
        'conflict',
        `cannot ${doing} ${where}: the activation "${other}" of "${profile}" is under way`,
      );
    case 'lost':
      throw new FerryError(
        'conflict',
        `cannot ${doing} ${where}: the activation "${other}" of "${profile}" was cut off, and the host has not gone back yet`,
      );
    default:
      throw unexpected(connection, doing, answer);
  }
}

/** The latest activation of a profile; undefined where there never was one. */
export async function findActivation(
  connection: HostConnection,
  profile: string,
  { asRoot, signal }: AgentOptions = {},
): Promise<ActivationState | undefined> {
  requireProfile(profile);
  const script = `${assignments({ key: turnsKey(profile) })}${commonClientScript}${findScript}`;
  const doing = `find what was activated of "${profile}"`;
  const answer = await runScript(connection, doing, script, { asRoot, signal, timeoutMs });
  return answer === 'none\n' ? undefined : parseState(answer);
}

/** @throws FerryError `not-found` where there is none of that id (any more) */
export async function readActivation(
  connection: HostConnection,
  id: string,
  { asRoot, signal }: AgentOptions = {},
): Promise<ActivationState> {
  const script = `${assignments({ id })}${commonClientScript}${readScript}`;
  const doing = `find the activation "${id}"`;
  return parseState(await runScript(connection, doing, script, { asRoot, signal, timeoutMs }));
}

export type ActivationDecision = 'confirm' | 'roll-back';

/**
 * Decides an activation. `confirm` is possible once it waits; `roll-back` at any time, and then the program that runs is let end
 * first. The first decision holds, the host's own too; the same one again is accepted again. Who is told `accepted` may rely on it,
 * whatever happens to the host.
 * @throws FerryError `conflict` where it can't be decided: it doesn't wait yet, or its agent is gone
 */
export async function decideActivation(
  connection: HostConnection,
  id: string,
  decision: ActivationDecision,
  { asRoot, signal }: AgentOptions = {},
): Promise<'accepted' | 'too-late'> {
  const doing = `${decision === 'confirm' ? 'confirm' : 'undo'} the activation "${id}"`;
  const script = `${assignments({ id, word: decision })}${commonClientScript}${decideScript}`;
  const answer = await runScript(connection, doing, script, { asRoot, signal, timeoutMs });
  const { word, rest: phase } = answerWords(connection, doing, answer);
  const what = `cannot ${doing} on "${connection.host.name}"`;
  switch (word) {
    case 'accepted':
    case 'too-late':
      return word;
    case 'early':
      throw new FerryError('conflict', `${what}: it is "${phase}", and does not wait for it`);
    case 'lost':
      throw new FerryError('conflict', `${what}: it was cut off, and nobody there cares for it`);
    default:
      throw unexpected(connection, doing, answer);
  }
}

/** As for `followActivation`. */
export type RecoverOptions = AgentOptions & Pick<FollowOptions, 'onLine' | 'deadline'>;

/**
 * Brings an activation that is lost to its end: what was confirmed stays, all else goes back to the old generation. One that isn't
 * lost is followed to its end, or to where it waits.
 */
export async function recoverActivation(
  connection: HostConnection,
  id: string,
  { asRoot, signal, onLine, deadline }: RecoverOptions = {},
): Promise<ActivationState> {
  const doing = `recover the activation "${id}"`;
  const wantsSystemd = connection.facts.hasSystemd ? '1' : '';
  const values = assignments({ id, wants_systemd: wantsSystemd });
  const script = `${values}${commonClientScript}${recoverScript}`;
  const answer = await runScript(connection, doing, script, { asRoot, signal, timeoutMs });
  const { word } = answerWords(connection, doing, answer);
  if (word !== 'started' && word !== 'busy' && word !== 'ended') {
    throw unexpected(connection, doing, answer);
  }
  return await followActivation(connection, id, { asRoot, signal, onLine, deadline });
}

/** One line of a few words. */
function answerWords(
  connection: HostConnection,
  doing: string,
  answer: string,
): { readonly word: string; readonly rest: string } {
  const [, word, rest = ''] =
    /^([a-z-]{1,20})(?: ([a-z0-9-]{1,80}))?(?: [a-z]+)?\n$/.exec(answer) ?? [];
  if (word === undefined) throw unexpected(connection, doing, answer);
  return { word, rest };
}

function unexpected({ host }: HostConnection, doing: string, answer: string): FerryError {
  const said = JSON.stringify(answer.slice(0, 100));
  return new FerryError('protocol', `cannot ${doing} on "${host.name}": it answers ${said}`);
}
