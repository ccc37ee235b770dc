/** What a store said of paths, where one that it doesn't know is an error. */
import { FerryError } from '../../../error.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';

/** @throws FerryError `not-found` */
export function requireInfo(
  store: Pick<Store, 'storeDir' | 'uri'>,
  infos: ReadonlyMap<StorePath, PathInfo>,
  path: StorePath,
): PathInfo {
  const info = infos.get(path);
  if (info === undefined) throw notValid(store, path);
  return info;
}

export function notValid(
  { storeDir, uri }: Pick<Store, 'storeDir' | 'uri'>,
  path: StorePath,
): FerryError {
  const printed = printStorePath(storeDir, path);
  const problem = `path "${printed}" is not valid in "${uri}"`;
  return new FerryError('not-found', problem, { path: printed, store: uri });
}
