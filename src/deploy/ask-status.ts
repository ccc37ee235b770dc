/** Asks a host what `fleet-status.ts` judges. Changes nothing there. */
import { FerryError } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import { findActivation, surveyProfile } from './agent/agent.ts';
import type { ActivationState } from './activation-state.ts';
import type { StatusAnswers } from './fleet-status.ts';

export interface AskStatusOptions {
  readonly profile: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Root is asked for nothing that takes a password: whoever looks doesn't want to be asked for one.
 * @throws FerryError `unavailable` and others of the connection
 */
export async function askStatus(
  connection: HostConnection,
  { profile, signal }: AskStatusOptions,
): Promise<StatusAnswers> {
  const { facts } = connection;
  const isSystem = !profile.startsWith(`${facts.home}/`);
  const asRoot = isSystem && looksAsRoot(connection);
  // One after the other over one login: they are short, and a host may allow few sessions at a time.
  const survey = await surveyProfile(connection, profile, { asRoot, signal });
  const isHidden = isSystem && !asRoot;
  const activation = isHidden
    ? undefined
    : await activationOf(connection, profile, { asRoot, signal });
  const needsReboot = await askKernel(connection, signal);
  return { facts, profile: survey, activation, needsReboot };
}

/** Whether something is done as root where that costs nothing but a program. */
export function looksAsRoot({ host, facts: { becomesRoot } }: HostConnection): boolean {
  if (becomesRoot.how === 'is-root') return true;
  if (becomesRoot.how === 'impossible' || host.becomeRoot === 'never') return false;
  return !becomesRoot.needsPassword;
}

async function activationOf(
  connection: HostConnection,
  profile: string,
  options: { readonly asRoot: boolean; readonly signal?: AbortSignal | undefined },
): Promise<ActivationState | undefined> {
  return await findActivation(connection, profile, options);
}

/** What is loaded once, when a host starts. */
const kernelScript = `
for system in /run/booted-system /run/current-system; do
  for part in kernel initrd kernel-modules; do
    link=$(readlink -f "$system/$part" 2>/dev/null) || link=
    printf '%s\\n' "$link"
  done
done
`;
const linesOfSystem = 3;

async function askKernel(
  connection: HostConnection,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> {
  const { status, stdout } = await connection.run(kernelScript, { signal });
  const lines = stdout.split('\n');
  if (status !== 0 || lines.length !== 2 * linesOfSystem + 1) {
    throw new FerryError('protocol', `"${connection.host.name}" didn't say which kernel it runs`);
  }
  const booted = lines.slice(0, linesOfSystem);
  const current = lines.slice(linesOfSystem, 2 * linesOfSystem);
  if (booted[0] === '' || current[0] === '') return undefined;
  return booted.some((link, part) => link !== current[part]);
}
