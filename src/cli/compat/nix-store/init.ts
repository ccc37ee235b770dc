/** `nix-store --init`: makes the directories and the database of a store where there are none. */
import { asLocalStore } from '../../as-local-store.ts';
import { openSession } from '../../session.ts';
import { requireKnownFlags, requireNoWords, type NixStoreOperation } from './operation.ts';

export const init: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags);
    requireNoWords(words);
    await using session = openSession(context);
    const store = await session.open(uri);
    // One on this machine is made when something is first written to it, be it nothing.
    await asLocalStore(store)?.registerPaths([], { signal: context.signal });
    return 0;
  },
};
