/** A tree takes the place of another one, or of none. */
import { lstatSync, renameSync } from 'node:fs';
import type { Exchange } from '../../system/exchange.ts';

/**
 * What was at `final` lies at `temporary` then, or where `apartName` says.
 * @throws what the system says: then `final` is what it was
 */
export function replaceTree(exchange: Exchange, temporary: string, final: string): void {
  if (lstatSync(final, { throwIfNoEntry: false }) === undefined) renameSync(temporary, final);
  else if (!exchange(temporary, final)) moveApart(temporary, final);
}

/** Where two names can't be exchanged there is a moment without the path. */
function moveApart(temporary: string, final: string): void {
  const apart = apartName(temporary);
  renameSync(final, apart);
  try {
    renameSync(temporary, final);
  } catch (error) {
    renameSync(apart, final);
    throw error;
  }
}

/** Has the hash part of the path as well, so that it is garbage as soon as nobody works on the path. */
export function apartName(temporary: string): string {
  return temporary.replace(/-unpacking\.ferry$/, '-broken.ferry');
}
