/** `nix-store --delete`: deletes particular paths, unless something needs them. */
import { resolveIn } from '../../resolve-in-store.ts';
import { openSession } from '../../session.ts';
import { deleteAsNix } from '../collect-as-nix.ts';
import { requireKnownFlags, type NixStoreOperation } from './operation.ts';

export const deleteOperation: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags, '--ignore-liveness');
    await using session = openSession(context);
    const store = await session.open(uri);
    const paths = words.map((word) => resolveIn(context, store, word).path);
    const ignoreLiveness = flags.includes('--ignore-liveness');
    await deleteAsNix(context, session, store, [...new Set(paths)], { ignoreLiveness });
    return 0;
  },
};
