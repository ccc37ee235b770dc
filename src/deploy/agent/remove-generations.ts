/** Gives up old generations of a profile on a host, with the nix-env that is there. */
import { FerryError } from '../../error.ts';
import type { HostConnection } from '../../host/host-connection.ts';
import { requireGeneration, requireProfile } from './request.ts';
import { printable, runScript, type AgentOptions } from './run-script.ts';

/** Which ones go. The current one never does. */
export type GenerationsToRemove =
  /** All but the current one. */
  | 'old'
  /** Those that were in use for the last time so many days ago. */
  | { readonly olderThanDays: number }
  /** All that are older than the current one and the so many before it, the current one being the first. */
  | { readonly keep: number }
  | readonly number[];

export interface RemoveGenerationsOptions extends AgentOptions {
  /** Say which ones would go, and remove none. */
  readonly dryRun?: boolean | undefined;
}

const timeoutMs = 120_000;

/** Prints what nix-env prints, and last `status N`. */
const removeScript = `
"$@" 2>&1 </dev/null
echo "status $?"
`;

/**
 * @returns the numbers of those that are gone, the lowest first
 * @throws FerryError `conflict` for the current one, `not-found` for one that there isn't, `failed`
 */
export async function removeGenerations(
  connection: HostConnection,
  profile: string,
  which: GenerationsToRemove,
  { asRoot, signal, dryRun = false }: RemoveGenerationsOptions = {},
): Promise<number[]> {
  requireProfile(profile);
  const { nixEnv } = connection.facts;
  if (nixEnv === undefined) throw new FerryError('not-found', 'there is no nix-env on the host');
  const wanted = wordsOf(which);
  if (wanted.length === 0) return [];
  const doing = `remove generations of "${profile}"`;
  const args = [...nixEnv, '-p', profile, '--delete-generations', ...wanted];
  const run = await runScript(connection, doing, removeScript, {
    args: dryRun ? [...args, '--dry-run'] : args,
    asRoot,
    signal,
    timeoutMs,
  });
  const lines = run.trimEnd().split('\n');
  const removed = lines.flatMap((line) => {
    const number = /^(?:removing|would remove) profile version (\d{1,15})$/.exec(line)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  if (lines.at(-1) === 'status 0') return removed.sort((a, b) => a - b);
  throw failed(connection, doing, lines);
}

/** For nix-env. @throws FerryError `usage` */
function wordsOf(which: GenerationsToRemove): string[] {
  if (which === 'old') return ['old'];
  if ('olderThanDays' in which) return [`${atLeastOne(which.olderThanDays, 'days')}d`];
  if ('keep' in which) return [`+${atLeastOne(which.keep, 'generations')}`];
  for (const number of which) requireGeneration(number);
  return which.map(String);
}

function atLeastOne(number: number, what: string): number {
  if (Number.isSafeInteger(number) && number >= 1 && number < 1e6) return number;
  throw new FerryError('usage', `${number} is no number of ${what}: at least 1`);
}

function failed({ host }: HostConnection, doing: string, lines: readonly string[]): FerryError {
  const line = lines.findLast((text) => /^\s*(?:.{0,10})?error:/.test(printable(text))) ?? '';
  const why = printable(line)
    .replace(/^\s*error:\s*/, '')
    .slice(0, 500);
  const code = why.includes('cannot delete current version') ? 'conflict' : 'failed';
  const reason = why === '' ? 'nix-env failed' : why;
  return new FerryError(code, `cannot ${doing} on "${host.name}": ${reason}`);
}
