/** What a binary cache says of the files that its NARs are in; other stores have none. */
import type { NarInfo } from '../../../format/narinfo.ts';
import type { StorePath } from '../../../format/store-path.ts';
import type { CacheStore } from '../../../store/cache/cache-store.ts';
import type { Store } from '../../../store/store.ts';

export async function readFileInfos(
  store: Store,
  paths: Iterable<StorePath>,
  signal: AbortSignal,
): Promise<ReadonlyMap<StorePath, NarInfo>> {
  if (!('queryNarInfos' in store)) return new Map();
  return await (store as CacheStore).queryNarInfos(paths, { signal });
}
