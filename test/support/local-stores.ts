/** Local stores for tests: opened on a directory, with threads that all of a test's stores share. */
import { TrustedKeys, parsePublicKey } from '../../src/format/signature.ts';
import { defaultStoreDir } from '../../src/format/store-path.ts';
import {
  openLocalStore,
  type LocalStore,
  type LocalStoreOptions,
} from '../../src/store/local/local-store.ts';
import { locateStore } from '../../src/store/local/locations.ts';
import { openTreeWorkers } from '../../src/system/threads/tree-workers.ts';
import type { TreeWorkers } from '../../src/system/tree-jobs.ts';

export interface LocalStores extends AsyncDisposable {
  readonly workers: TreeWorkers;
  /** The store below a root, as `local?root=ROOT`; signatures aren't required unless the options say so. */
  open(root: string, options?: Partial<LocalStoreOptions>): Promise<LocalStore>;
}

/** Use as `await using stores = openLocalStores()`. Stores are the caller's to close, before this is. */
export function openLocalStores(): LocalStores {
  const workers = openTreeWorkers({ width: 2 });
  return {
    workers,
    open: (root, options = {}) =>
      openLocalStore({
        ...locateStore(
          { root },
          { storeDir: defaultStoreDir, stateDir: '/nix/var/nix', logDir: '/nix/var/log/nix' },
        ),
        requireSigs: false,
        trustedKeys: new TrustedKeys([]),
        workers,
        ...options,
      }),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

export function trusting(...publicKeys: readonly string[]): TrustedKeys {
  return new TrustedKeys(publicKeys.map(parsePublicKey));
}
