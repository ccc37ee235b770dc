/** Files into whatever store is open, named after their contents. */
import type { PathInfo } from '../format/path-info.ts';
import { addContent } from '../store/local/add-content.ts';
import type { LocalContentToAdd } from '../store/local/local-store.ts';
import type { Store } from '../store/store.ts';
import { asLocalStore } from './as-local-store.ts';
import type { Session } from './session.ts';

/** @throws FerryError `unsupported` for a store that can't be written to; `usage`, `not-found` for such files */
export async function addContentTo(
  { workers, signal }: Session,
  store: Store,
  tree: string,
  content: LocalContentToAdd,
): Promise<PathInfo> {
  const local = asLocalStore(store);
  if (local !== undefined) return await local.addContent(tree, content, { signal });
  return await addContent(store, workers, tree, content, signal);
}
