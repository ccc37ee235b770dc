/** Keys of objects that become file names: what is foreign (the `URL` of a narinfo) must not lead out of the cache. */
import { FerryError } from '../../error.ts';

/** Bytes of the longest key, as S3 has it. */
const KEY_LENGTH_MAX = 1024;

/** @throws FerryError `corrupt` for what can't be the name of a file inside the cache. */
export function checkObjectKey(key: string): void {
  const problem = problemOf(key);
  if (problem === undefined) return;
  const shown = JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}…` : key);
  throw new FerryError(
    'corrupt',
    `${shown} is not the name of a file in a binary cache: ${problem}`,
  );
}

/** Whether it can be the name of a file inside the cache. */
export function isObjectKey(key: string): boolean {
  return problemOf(key) === undefined;
}

function problemOf(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (Buffer.byteLength(key) > KEY_LENGTH_MAX) return `it is longer than ${KEY_LENGTH_MAX} bytes`;
  if (key.includes('\0')) return 'it has a NUL';
  for (const part of key.split('/')) {
    if (part === '') return 'it is absolute, or has two slashes in a row';
    if (part === '.' || part === '..') return `it has a part "${part}"`;
  }
  return undefined;
}
