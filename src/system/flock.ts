/**
 * flock(2), by which Nix's processes keep out of each other's way: whole-file locks that belong to an open file and go
 * with it, also when the process is killed. Node has none, so koffi calls the C library. It is loaded on first use: that
 * takes 7 ms, which most commands need not spend.
 *
 * Nothing here waits in the kernel, where no abort would reach it: a lock that isn't free is tried again later.
 */
import { closeSync, constants, fstatSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { constants as os } from 'node:os';
import { FerryError } from '../error.ts';
import { translateOsError } from './os-error.ts';
import { pause } from './pause.ts';

export type LockMode = 'shared' | 'exclusive';

/** The lock calls; every holder of open files uses the same. */
export interface Flock {
  /** Takes the lock if it is free. What this very descriptor holds already is converted. */
  tryLock(fd: number, mode: LockMode): boolean;
  unlock(fd: number): void;
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** Milliseconds between two tries. */
const POLL_MS = 50;

let loaded: Promise<Flock> | undefined;

export function loadFlock(): Promise<Flock> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Flock> {
  const { default: koffi } = await import('koffi');
  // The program itself: the C library is linked to it, under whatever name it has here.
  const flock = koffi.load(null).func('int flock(int fd, int operation)');
  const call = (fd: number, operation: number): boolean => {
    for (;;) {
      if (flock(fd, operation) === 0) return true;
      const errno = koffi.errno();
      if (errno === os.errno.EWOULDBLOCK) return false;
      if (errno !== os.errno.EINTR) {
        const code = Object.entries(os.errno).find(([, value]) => value === errno)?.[0] ?? errno;
        throw new FerryError('unavailable', `cannot lock a file: ${code}`, {
          hint: 'some network file systems have no locks',
        });
      }
    }
  };
  return {
    tryLock: (fd, mode) => call(fd, (mode === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB),
    unlock: (fd) => {
      call(fd, LOCK_UN);
    },
  };
}

/** Waits for a lock as long as a live process holds it. */
export async function waitForLock(
  flock: Flock,
  fd: number,
  mode: LockMode,
  signal?: AbortSignal,
): Promise<void> {
  while (!flock.tryLock(fd, mode)) await pause(POLL_MS, signal);
}

/**
 * Opens a lock file as Nix does, private to its owner. A link in its place is not followed.
 * @throws FerryError `denied`, `not-found` where its directory is missing, `no-space`
 */
export function openLockFile(path: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw translateOsError(error, 'open lock file', path);
  }
}

/** Whether the owner of a lock file removed it after we had opened it: then it locks nothing any more. */
export function isStaleLockFile(fd: number): boolean {
  return fstatSync(fd).size !== 0;
}

/**
 * Gives a lock up and removes its file. The byte tells those who opened it meanwhile that it is stale
 * (`isStaleLockFile`); that is Nix's convention.
 */
export function closeAndRemoveLockFile(fd: number, path: string): void {
  try {
    unlinkSync(path);
    writeSync(fd, 'd');
  } catch {
    // Left behind it harms nobody: a lock is what is held, not what lies there.
  }
  closeSync(fd);
}
