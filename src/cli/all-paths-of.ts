/** What `--all` means. */
import { FerryError } from '../error.ts';
import type { StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';

/** @throws FerryError `unsupported` where the store can't list its paths. */
export async function allPathsOf(store: Store, signal: AbortSignal): Promise<StorePath[]> {
  if (store.queryAllValidPaths !== undefined) return await store.queryAllValidPaths({ signal });
  throw new FerryError('unsupported', `cannot list the paths of "${store.uri}"`, {
    store: store.uri,
    hint: store.uri.startsWith('ssh://')
      ? 'a machine lists its paths when it is reached by ssh-ng://'
      : 'name those that matter',
  });
}
