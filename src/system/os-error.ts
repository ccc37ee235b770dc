/** Errors of the operating system, translated once where they enter: an `errno` becomes a code of ours. */
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../error.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EEXIST: 'conflict',
  ENOTEMPTY: 'conflict',
  EBUSY: 'conflict',
  EISDIR: 'conflict',
  ELOOP: 'denied',
};

/** The name of the system's error, `ENOENT` and so on, where it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

/**
 * What was thrown while `doing` ("create", "lock") something to `path`; ours and what isn't of the system stay as they
 * are.
 */
export function translateOsError(error: unknown, doing: string, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined || isFerryError(error)) return error;
  const reason =
    errno === 'EISDIR'
      ? 'it is a directory'
      : messageOf(error).replace(/^[A-Z0-9]+: ([^,]*).*$/s, '$1');
  return new FerryError(CODES[errno] ?? 'unavailable', `cannot ${doing} "${path}": ${reason}`, {
    path,
    cause: error,
  });
}
