/** `nix store delete`: on this machine, behind a daemon, out of a binary cache. */
import { FerryError } from '../../../error.ts';
import type { StorePath } from '../../../format/store-path.ts';
import type { CallOptions, Store } from '../../../store/store.ts';
import { asDaemonStore } from '../../as-daemon-store.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { deleteAsNix, printFreed } from '../collect-as-nix.ts';
import { installableArgument, namedClosure, pathOptions } from './path-words.ts';
import { defineVerb, type NixCall, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeDelete: NixVerb = defineVerb({
  description: [
    'What a GC root, a running program or a path that is not named needs is not deleted: that is an error, after which what came before it stays deleted.',
    'Out of a binary cache only what nothing else there refers to is deleted; it has no roots.',
  ],
  arguments: [installableArgument],
  options: {
    ...pathOptions,
    ignoreLiveness: { help: 'also what GC roots need' },
  },
  evaluates: true,
  examples: [
    {
      meaning: 'a path that was downloaded by mistake',
      command: 'nix store delete /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  run: async (call, words, options) =>
    await withStore(call, async (store, session) => {
      const paths = await namedClosure(call, store, words, options);
      const hasRoots = asLocalStore(store) !== undefined || asDaemonStore(store) !== undefined;
      if (hasRoots) await deleteAsNix(call.context, session, store, paths, options);
      else await deleteFromCache(call, store, paths);
      return 0;
    }),
});

/** A binary cache: what isn't there is fine to it. */
interface DeletingCache extends Store {
  deletePaths(paths: Iterable<StorePath>, options: CallOptions): Promise<void>;
}

async function deleteFromCache(
  { context }: NixCall,
  store: Store,
  paths: readonly StorePath[],
): Promise<void> {
  if (!('deletePaths' in store)) {
    throw new FerryError('unsupported', `cannot delete paths of "${store.uri}"`, {
      store: store.uri,
    });
  }
  const { signal } = context;
  const valid = await store.queryValidPaths(paths, { signal });
  await (store as DeletingCache).deletePaths(paths, { signal });
  await printFreed(context, valid.size, 0);
}
