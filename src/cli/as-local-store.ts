/** Stores on this machine can do more than the contract of all stores asks. */
import { FerryError } from '../error.ts';
import type { StorePath } from '../format/store-path.ts';
import type { LocalStore } from '../store/local/local-store.ts';
import type { Store } from '../store/store.ts';

/** The store as one on this machine's file system, or undefined. */
export function asLocalStore(store: Store): LocalStore | undefined {
  return 'toRealPath' in store && 'addContent' in store ? (store as LocalStore) : undefined;
}

/** @param what can't be done elsewhere. @throws FerryError `unsupported` */
export function requireLocalStore(store: Store, what: string): LocalStore {
  const local = asLocalStore(store);
  if (local !== undefined) return local;
  throw new FerryError('unsupported', `cannot ${what} "${store.uri}": it is not on this machine`);
}

/** Where the files of a store on this machine lie. */
export function realStoreDirOf(store: Store): string | undefined {
  // Any base name will do: what is asked for is what stands before it.
  const real = asLocalStore(store)?.toRealPath('x' as StorePath);
  return real?.slice(0, -'/x'.length);
}
