/** The closure of a set of paths: all they refer to, transitively, with the infos of each. */
import { FerryError } from '../error.ts';
import type { PathInfo } from '../format/path-info.ts';
import { isDerivation, printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, Store } from '../store/store.ts';
import type { OnCopyEvent } from './events.ts';

export interface ClosureQuery extends CallOptions {
  /** With the valid outputs of every derivation in it. */
  readonly includeOutputs?: boolean | undefined;
  /** Only the named paths, not what they refer to. */
  readonly noRecursive?: boolean | undefined;
  readonly onEvent?: OnCopyEvent | undefined;
}

/**
 * Asks the store once where it can tell a closure at once; else level by level, one request for each level.
 * @throws FerryError `not-found` naming a root that is not valid.
 */
export async function computeClosure(
  store: Store,
  roots: readonly StorePath[],
  options: ClosureQuery = {},
): Promise<Map<StorePath, PathInfo>> {
  const { signal, includeOutputs, noRecursive, onEvent } = options;
  if (store.queryClosure !== undefined && noRecursive !== true) {
    const closure = await store.queryClosure(roots, { signal, includeOutputs });
    onEvent?.({ type: 'closure', paths: closure.size });
    return closure;
  }
  const closure = new Map<StorePath, PathInfo>();
  for (let level = [...new Set(roots)]; level.length > 0; ) {
    const infos = await store.queryPathInfos(level, { signal });
    for (const path of level) closure.set(path, requireInfo(store, infos.get(path), path));
    onEvent?.({ type: 'closure', paths: closure.size });
    if (noRecursive === true) break;
    const next = new Set<StorePath>();
    for (const info of infos.values()) for (const path of info.references) next.add(path);
    if (includeOutputs === true) {
      // Seldom asked for: copies do without it.
      const { queryValidOutputs } = await import('../store/valid-outputs.ts');
      const outputs = await queryValidOutputs(store, level.filter(isDerivation), { signal });
      for (const path of [...outputs.values()].flat()) next.add(path);
    }
    level = [...next].filter((path) => !closure.has(path));
  }
  return closure;
}

function requireInfo(store: Store, info: PathInfo | undefined, path: StorePath): PathInfo {
  if (info !== undefined) return info;
  const printed = printStorePath(store.storeDir, path);
  throw new FerryError('not-found', `path "${printed}" is not valid in "${store.uri}"`, {
    path: printed,
    store: store.uri,
  });
}
