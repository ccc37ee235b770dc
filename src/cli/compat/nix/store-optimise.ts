/** `nix store optimise` */
import { optimiseAsNix } from './optimise-as-nix.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeOptimise: NixVerb = defineVerb({
  description: [
    'Files of equal contents become one file under several names. A link in .links that is damaged takes the place of no file: it is removed.',
  ],
  arguments: [],
  options: {},
  examples: [{ meaning: 'the store of this machine', command: 'nix store optimise' }],
  run: async (call) =>
    await withStore(call, async (store) => {
      await optimiseAsNix(call.context, store);
      return 0;
    }),
});
