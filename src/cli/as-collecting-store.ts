/** Stores that have roots, in which garbage can be told from the rest: on this machine, or behind a daemon. */
import { existsSync } from 'node:fs';
import { FerryError } from '../error.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { DaemonStore } from '../store/worker/daemon-store.ts';
import { asDaemonStore } from './as-daemon-store.ts';
import { asLocalStore } from './as-local-store.ts';

/** For a store that isn't on this machine. @throws FerryError `unsupported` */
export function requireCollectingDaemon(store: Store): DaemonStore {
  const daemon = asDaemonStore(store);
  if (daemon !== undefined) return daemon;
  throw new FerryError('unsupported', `cannot tell what is garbage in "${store.uri}"`, {
    store: store.uri,
    hint: 'only a store on this machine or behind a daemon has roots',
  });
}

/** Something lies there under each name, valid or not. @throws FerryError `not-found` */
export async function requirePresent(
  store: Store,
  paths: readonly StorePath[],
  { signal }: CallOptions,
): Promise<void> {
  const valid = await store.queryValidPaths(paths, { signal });
  const local = asLocalStore(store);
  for (const path of paths) {
    if (valid.has(path) || (local !== undefined && existsSync(local.toRealPath(path)))) continue;
    const printed = printStorePath(store.storeDir, path);
    throw new FerryError('not-found', `path "${printed}" is not in "${store.uri}"`, {
      path: printed,
      store: store.uri,
    });
  }
}
