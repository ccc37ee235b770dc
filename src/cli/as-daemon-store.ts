/** Stores behind a daemon of Nix, and what they can do as those on this machine can. */
import { FerryError } from '../error.ts';
import type { LocalStore } from '../store/local/local-store.ts';
import type { Store } from '../store/store.ts';
import type { DaemonStore } from '../store/worker/daemon-store.ts';
import { asLocalStore } from './as-local-store.ts';

/** The store as one behind a daemon, here or on another machine, or undefined. */
export function asDaemonStore(store: Store): DaemonStore | undefined {
  return 'addIndirectRoot' in store && 'queryMissing' in store ? (store as DaemonStore) : undefined;
}

/** What both kinds of stores answer that have a database: who refers to a path, who built it, and what keeps it. */
export type DatabaseStore = Store &
  Pick<LocalStore, 'queryReferrers' | 'queryDerivers' | 'queryAllValidPaths' | 'findRoots'>;

/** The store as one that can tell such things, or undefined. */
export function asDatabaseStore(store: Store): DatabaseStore | undefined {
  return asLocalStore(store) ?? asDaemonStore(store);
}

/** @param what can't be done elsewhere: `find referrers in`. @throws FerryError `unsupported` */
export function requireDatabaseStore(store: Store, what: string): DatabaseStore {
  const known = asDatabaseStore(store);
  if (known !== undefined) return known;
  throw new FerryError(
    'unsupported',
    `cannot ${what} "${store.uri}": only a store on this machine or behind a daemon can tell`,
    { store: store.uri },
  );
}

/** The store as one whose paths can be kept by links on this machine, or undefined. */
export function asRootedStore(store: Store): Pick<LocalStore, 'addRoot'> | undefined {
  const daemon = asDaemonStore(store);
  if (daemon !== undefined) return daemon.isHere ? daemon : undefined;
  return asLocalStore(store);
}

/** @throws FerryError `unsupported` */
export function requireRootedStore(store: Store): Pick<LocalStore, 'addRoot'> {
  const rooted = asRootedStore(store);
  if (rooted !== undefined) return rooted;
  throw new FerryError(
    'unsupported',
    `cannot make a root for a path of "${store.uri}": it is not on this machine`,
    { store: store.uri },
  );
}
