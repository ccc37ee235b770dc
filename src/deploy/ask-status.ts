/** Asks a host what `fleet-status.ts` judges. Changes nothing there. */
import { FerryError, isFerryError } from '../error.ts';
import type { HostConnection } from '../host/host-connection.ts';
import type { CallOptions } from '../store/store.ts';
import { findActivation, surveyProfile } from './agent/agent.ts';
import { actsAsRoot } from './check-host.ts';
import type { StatusAnswers } from './fleet-status.ts';
import type { Host } from './fleet.ts';

/**
 * Root is asked for nothing that takes a password: whoever looks doesn't want to be asked for one.
 * @throws FerryError `unavailable` and others of the connection
 */
export async function askStatus(
  connection: HostConnection,
  host: Host,
  { signal }: CallOptions = {},
): Promise<StatusAnswers> {
  const { facts } = connection;
  const { asRoot, isAllSeen } = looksAsRoot(connection, host);
  // One after the other over one login: they are short, and a host may allow few sessions at a time.
  const profile = await surveyProfile(connection, host.profile, { asRoot, signal });
  const activation = isAllSeen
    ? await findActivation(connection, host.profile, { asRoot, signal })
    : undefined;
  const needsReboot = await askKernel(connection, signal);
  return { facts, profile, activation, isActivationKnown: isAllSeen, needsReboot };
}

export interface LooksAsRoot {
  readonly asRoot: boolean;
  /** What root has hidden can be looked at, or all of it is the user's. */
  readonly isAllSeen: boolean;
}

/** As root where the profile is root's, and where becoming root takes no password. */
export function looksAsRoot(connection: HostConnection, host: Host): LooksAsRoot {
  const { becomesRoot } = connection.facts;
  if (becomesRoot.how === 'impossible') {
    return { asRoot: false, isAllSeen: isOwnProfile(host, connection) };
  }
  const asRoot = actsAsRoot(host, connection);
  if (!asRoot || becomesRoot.how === 'is-root') return { asRoot, isAllSeen: true };
  return { asRoot: !becomesRoot.needsPassword, isAllSeen: !becomesRoot.needsPassword };
}

function isOwnProfile(host: Host, connection: HostConnection): boolean {
  try {
    return !actsAsRoot(host, connection);
  } catch (error) {
    // It would take root, which is impossible.
    if (isFerryError(error, 'denied')) return false;
    throw error;
  }
}

/** What is loaded once, when a host starts. */
const kernelScript = `
for system in /run/booted-system /run/current-system; do
  for part in kernel initrd kernel-modules; do
    link=
    if [ -e "$system/$part" ]; then link=$(readlink -f "$system/$part"); fi
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
