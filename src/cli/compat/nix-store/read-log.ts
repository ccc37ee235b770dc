/** `nix-store --read-log`: how derivations were built, uncompressed. */
import { FerryError } from '../../../error.ts';
import { printStorePath } from '../../../format/store-path.ts';
import { derivationOf } from '../derivation-of.ts';
import { requireKnownFlags, type NixStoreOperation } from './operation.ts';
import { followToStorePath } from './store-path-words.ts';
import { withStore } from './store-scene.ts';

export const readLog: NixStoreOperation = {
  async run(call, words, flags) {
    requireKnownFlags(flags);
    return await withStore(call, async ({ store }) => {
      const { stdout, signal } = call.context;
      if (store.readBuildLog === undefined) {
        throw new FerryError('unsupported', `"${store.uri}" gives out no logs of builds`, {
          store: store.uri,
        });
      }
      for (const word of words) {
        const path = followToStorePath(call.context, store, word);
        const drv = await derivationOf(store, path, signal);
        const log = drv && (await store.readBuildLog(drv, { signal }));
        if (log === undefined) {
          const printed = printStorePath(store.storeDir, path);
          const problem = `build log of derivation '${printed}' is not available`;
          throw new FerryError('not-found', problem, { path: printed, store: store.uri });
        }
        for await (const chunk of log) await stdout.write(chunk);
      }
      return 0;
    });
  },
};
