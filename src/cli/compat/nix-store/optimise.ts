/** `nix-store --optimise` */
import { openSession } from '../../session.ts';
import { optimiseAsNix } from '../nix/optimise-as-nix.ts';
import { requireNoWords, type NixStoreOperation } from './operation.ts';

export const optimise: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireNoWords([...words, ...flags]);
    await using session = openSession(context);
    await optimiseAsNix(context, await session.open(uri));
    return 0;
  },
};
