/** Why a path can't be realised, told so that it is clear whom to ask, or what to change. */
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../error.ts';
import { printStorePath, type StoreDir, type StorePath } from '../format/store-path.ts';
import type { Absence } from '../store/wrap/substituters.ts';

/**
 * @param absent what nobody has: the path itself, or one that it needs.
 * @param doing what it is wanted for
 */
export function explainAbsence(
  storeDir: StoreDir,
  path: StorePath,
  absent: StorePath,
  absence: Absence,
  doing: 'realise' | 'repair' = 'realise',
): FerryError {
  const printed = printStorePath(storeDir, path);
  const isOther = absent !== path;
  const what = isOther ? `"${printStorePath(storeDir, absent)}"` : 'it';
  const needed = isOther ? ', which it needs' : '';
  const { code, why, cause } = reasonOf(absence, what, needed, doing);
  return new FerryError(code, `cannot ${doing} "${printed}": ${why}`, {
    path: printed,
    hint: hintOf(absence, doing),
    ...(cause === undefined ? {} : { cause }),
  });
}

export function explainFailure(storeDir: StoreDir, path: StorePath, error: unknown): FerryError {
  const printed = printStorePath(storeDir, path);
  const code = isFerryError(error) ? error.code : 'internal';
  return new FerryError(code, `cannot realise "${printed}": ${messageOf(error)}`, {
    path: printed,
    cause: error,
  });
}

interface Reason {
  readonly code: ErrorCode;
  readonly why: string;
  readonly cause?: unknown;
}

/** What is most to the point: who came nearest to giving it. */
function reasonOf(
  absence: Absence,
  what: string,
  needed: string,
  doing: 'realise' | 'repair',
): Reason {
  const [failed] = absence.failed;
  if (failed !== undefined) {
    const { error } = failed;
    const code = isFerryError(error) ? error.code : 'corrupt';
    return { code, why: `nobody gave ${what} whole${needed}: ${messageOf(error)}`, cause: error };
  }
  const [refused] = absence.refused;
  if (refused !== undefined) {
    const why = `"${refused.uri}" has ${what}${needed}, but ${refused.reason}`;
    return { code: 'untrusted', why };
  }
  const { leftAlone, lacking } = absence;
  if (leftAlone.length === 0 && lacking.length === 0) {
    const isLost = doing === 'realise' ? `${what} is not there${needed}, and ` : '';
    return { code: 'not-found', why: `${isLost}no substituter is asked` };
  }
  const why = `no substituter has ${what}${needed}`;
  const [first] = leftAlone;
  if (first === undefined) return { code: 'not-found', why };
  // Only who can be reached again may still have it.
  const isUnreachable = leftAlone.some(({ error }) => isFerryError(error, 'unavailable'));
  return { code: isUnreachable ? 'unavailable' : 'not-found', why, cause: first.error };
}

function hintOf(
  { lacking, leftAlone, refused, failed }: Absence,
  doing: 'realise' | 'repair',
): string {
  const parts: string[] = [];
  if (lacking.length > 0) parts.push(`asked ${quoted(lacking)}`);
  for (const { uri, error } of leftAlone) parts.push(`could not ask "${uri}": ${messageOf(error)}`);
  for (const { uri } of failed) parts.push(`"${uri}" has it, but failed`);
  if (refused.length > 0) {
    const uris = quoted(refused.map(({ uri }) => uri));
    parts.push(`add the key of ${uris} to trusted-public-keys if you trust it`);
  }
  if (parts.length > 0) return parts.join('; ');
  return doing === 'repair'
    ? 'name a store that has it (ferry store repair --from STORE), or substituters in nix.conf'
    : 'name substituters in nix.conf or with --substituters, and see that substitute is true';
}

function quoted(uris: readonly string[]): string {
  return uris.map((uri) => `"${uri}"`).join(', ');
}
