/**
 * Locks on store paths: whoever makes a path holds the lock on `<path>.lock` until it is registered. The same as
 * Nix's, so that Nix and we never make one path at the same time.
 */
import { closeSync, fstatSync, lstatSync } from 'node:fs';
import { FerryError } from '../../error.ts';
import {
  closeAndRemoveLockFile,
  isStaleLockFile,
  openLockFile,
  type Flock,
} from '../../system/flock.ts';
import { pause } from '../../system/pause.ts';

export interface PathLock {
  /** Gives the lock up and removes its file. */
  release(): void;
}

/** Milliseconds between two tries for a lock that somebody else holds. */
const POLL_MS = 50;

/**
 * The lock on a path if nobody holds it.
 * @param realPath where the path lies on the file system.
 * @throws FerryError `denied`; `conflict` where a file lies there that is no lock: who removes a lock marks it as stale
 * only then, so that it would lie there for ever
 */
export function tryLockPath(flock: Flock, realPath: string): PathLock | undefined {
  const file = `${realPath}.lock`;
  for (;;) {
    const fd = openLockFile(file);
    try {
      if (!flock.tryLock(fd, 'exclusive')) {
        closeSync(fd);
        return undefined;
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    if (!isStaleLockFile(fd)) return { release: () => closeAndRemoveLockFile(fd, file) };
    const isStillThere = lstatSync(file, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
    closeSync(fd);
    if (isStillThere) throw notALock(file);
  }
}

/** Waits as long as another process is making that path. To be called while holding no other lock. */
export async function lockPath(
  flock: Flock,
  realPath: string,
  signal?: AbortSignal,
): Promise<PathLock> {
  for (;;) {
    const lock = tryLockPath(flock, realPath);
    if (lock !== undefined) return lock;
    await pause(POLL_MS, signal);
  }
}

function notALock(file: string): FerryError {
  return new FerryError('conflict', `cannot lock "${file}": it has contents, so it is no lock`, {
    path: file,
    hint: 'remove it, if nobody needs it',
  });
}
