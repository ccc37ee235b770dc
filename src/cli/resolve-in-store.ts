/** Store paths as words of the command line, for a store that is open. */
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { resolvePath, type ResolvedPath } from './resolve-path.ts';

/** @throws FerryError `usage`, `not-found` */
export function resolveIn(context: CommandContext, store: Store, word: string): ResolvedPath {
  return resolvePath(word, {
    storeDir: store.storeDir,
    realStoreDir: realStoreDirOf(store),
    cwd: context.cwd,
    searchPath: context.env.variables['PATH'],
  });
}

/** Where the files of a store on this machine lie. */
function realStoreDirOf(store: Store): string | undefined {
  if (!('toRealPath' in store) || typeof store.toRealPath !== 'function') return undefined;
  const probe = 'probe' as StorePath;
  const real: unknown = store.toRealPath(probe);
  if (typeof real !== 'string' || real === printStorePath(store.storeDir, probe)) return undefined;
  return real.slice(0, -`/${probe}`.length);
}
