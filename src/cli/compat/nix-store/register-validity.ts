/** `nix-store --register-validity`: makes valid what is registered on stdin, and lies in the store already. */
import { requireLocalStore } from '../../as-local-store.ts';
import { openSession } from '../../session.ts';
import { requireKnownFlags, requireNoWords, type NixStoreOperation } from './operation.ts';
import { readRegistrations } from './read-registrations.ts';

export const registerValidity: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags, '--reregister', '--hash-given');
    requireNoWords(words);
    await using session = openSession(context);
    const store = requireLocalStore(await session.open(uri), 'register paths of');
    const hasHashes = flags.includes('--hash-given');
    const registrations = await readRegistrations(context, store.storeDir, { hasHashes });
    await store.registerPaths(registrations, {
      reregister: flags.includes('--reregister'),
      canonicalise: true,
      signal: context.signal,
    });
    return 0;
  },
};
