/** Store paths as words of the command line, for a store that is open. */
import type { StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { asLocalStore } from './as-local-store.ts';
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
  // Any base name will do: what is asked for is what stands before it.
  const real = asLocalStore(store)?.toRealPath('x' as StorePath);
  return real?.slice(0, -'/x'.length);
}
