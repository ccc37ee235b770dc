/**
 * What everybody holds who deletes paths: the lock of the garbage collector, under which no root can appear unseen, and
 * the socket by which those hear of new ones who don't want to wait until it is over.
 */
import { closeSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StoreDir } from '../../format/store-path.ts';
import { openLockFile, waitForLock, type Flock } from '../../system/flock.ts';
import { translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';
import { AnnouncedRoots, listenForRoots } from './gc-socket.ts';

export interface CollectorLock extends AsyncDisposable {
  /** What others hold since. */
  readonly announced: AnnouncedRoots;
}

export interface LockOptions extends CallOptions {
  /** Somebody else holds it. */
  readonly onWaiting?: (() => void) | undefined;
}

interface LockLocations {
  readonly storeDir: StoreDir;
  readonly stateDir: string;
}

/**
 * Waits for another collection to end.
 * @throws the signal's reason; FerryError `denied`
 */
export async function lockCollector(
  flock: Flock,
  { storeDir, stateDir }: LockLocations,
  { signal, onWaiting }: LockOptions = {},
): Promise<CollectorLock> {
  const reserved = join(stateDir, 'db', 'reserved');
  try {
    // A full disk may leave no room for the database to note what is gone.
    rmSync(reserved, { force: true });
  } catch (error) {
    throw translateOsError(error, 'remove', reserved);
  }
  await using resources = new AsyncDisposableStack();
  const lock = openLockFile(join(stateDir, 'gc.lock'));
  resources.defer(() => closeSync(lock));
  if (!flock.tryLock(lock, 'exclusive')) {
    onWaiting?.();
    await waitForLock(flock, lock, 'exclusive', signal);
  }
  const announced = new AnnouncedRoots();
  resources.use(await listenForRoots(stateDir, storeDir, announced));
  const held = resources.move();
  return { announced, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
