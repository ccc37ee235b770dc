/** What a binary cache says of the files that its NARs are in; other stores have none. */
import type { StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import type { FileInfo } from './path-info-json.ts';

/** A store that keeps NARs in files can tell of them. */
interface StoreOfFiles extends Store {
  queryFileInfos(
    paths: Iterable<StorePath>,
    options: { readonly signal: AbortSignal },
  ): Promise<ReadonlyMap<StorePath, FileInfo>>;
}

export async function readFileInfos(
  store: Store,
  paths: Iterable<StorePath>,
  signal: AbortSignal,
): Promise<ReadonlyMap<StorePath, FileInfo>> {
  if (!('queryFileInfos' in store)) return new Map();
  return await (store as StoreOfFiles).queryFileInfos(paths, { signal });
}
