/** The derivations that built paths, as their store knows them. */
import { FerryError } from '../error.ts';
import { isDerivation, printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';

/**
 * In the order of the paths; a derivation stands for itself.
 * @throws FerryError `not-found` where a path isn't valid, or nobody knows its deriver
 */
export async function deriversOf(
  source: Store,
  paths: readonly StorePath[],
  signal?: AbortSignal,
): Promise<StorePath[]> {
  const infos = await source.queryPathInfos(paths, { signal });
  return paths.map((path) => {
    if (isDerivation(path)) return path;
    const printed = printStorePath(source.storeDir, path);
    const info = infos.get(path);
    if (info === undefined) {
      throw new FerryError('not-found', `path "${printed}" is not valid in "${source.uri}"`);
    }
    if (info.deriver === undefined) {
      throw new FerryError('not-found', `nobody knows which derivation built "${printed}"`, {
        path: printed,
      });
    }
    return info.deriver;
  });
}
