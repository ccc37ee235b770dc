/** The derivation that a path is, or was built by. */
import { isDerivation, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';

/** Undefined for what nobody built. */
export async function derivationOf(
  store: Store,
  path: StorePath,
  signal: AbortSignal,
): Promise<StorePath | undefined> {
  if (isDerivation(path)) return path;
  return (await store.queryPathInfos([path], { signal })).get(path)?.deriver;
}
