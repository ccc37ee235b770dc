/** Store paths as words of the command line, for a store that is open. */
import type { Store } from '../store/store.ts';
import { realStoreDirOf } from './as-local-store.ts';
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
