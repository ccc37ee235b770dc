/** `nix-store --repair-path`: takes paths anew from substituters, whether or not they are broken. */
import { openSession } from '../../session.ts';
import { nixUsage } from '../nix-words.ts';
import { repairAsNix } from '../nix/repair-as-nix.ts';
import { PROGRAM, type NixStoreOperation } from './operation.ts';
import { followWords } from './store-path-words.ts';

export const repairPath: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    if (flags.length > 0) throw nixUsage(PROGRAM, 'no flags expected');
    await using session = openSession(context);
    const store = await session.open(uri);
    const { paths, failure } = followWords(context, store, words);
    await repairAsNix(session, store, paths);
    if (failure !== undefined) throw failure.error;
    return 0;
  },
};
