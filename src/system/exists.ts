/** Whether something of that name is there, a dangling link among it. */
import { lstatSync } from 'node:fs';

/** @throws what Node throws where it can't be known */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
