/**
 * `nix-store --load-db`: makes valid what is registered on stdin, hashes and all, without a look at any file: the
 * database as `--dump-db` printed it, for a store whose files came another way.
 */
import { requireLocalStore } from '../../as-local-store.ts';
import { openSession } from '../../session.ts';
import { requireKnownFlags, requireNoWords, type NixStoreOperation } from './operation.ts';
import { readRegistrations } from './read-registrations.ts';

export const loadDb: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags);
    requireNoWords(words);
    await using session = openSession(context);
    const store = requireLocalStore(await session.open(uri), 'load the database of');
    const registrations = await readRegistrations(context, store.storeDir, { hasHashes: true });
    await store.registerPaths(registrations, { reregister: true, signal: context.signal });
    return 0;
  },
};
