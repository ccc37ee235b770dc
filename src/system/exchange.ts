/**
 * Two names exchange what they stand for in one step, so that there is something under each at every moment: Linux's
 * renameat2(2), which Node lacks, called through koffi.
 */
import { FerryError } from '../error.ts';

/** @returns false where the system or the file system can't do that: nothing has changed then. */
export type Exchange = (a: string, b: string) => boolean;

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;

let loaded: Promise<Exchange> | undefined;

/** Both names must be there, on one file system: it is false else too. */
export function loadExchange(): Promise<Exchange> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Exchange> {
  if (process.platform !== 'linux') return () => false;
  const { default: koffi } = await import('koffi');
  try {
    const renameat2 = koffi
      .load(null)
      .func('int renameat2(int from, const char *a, int to, const char *b, unsigned int flags)');
    return (a, b) => {
      if (a.includes('\0') || b.includes('\0')) {
        throw new FerryError('internal', 'a name with a NUL in it');
      }
      return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) === 0;
    };
  } catch {
    // C libraries that are older than the call.
    return () => false;
  }
}
