/** `nix store repair` */
import { installableArgument, namedClosure, pathOptions } from './path-words.ts';
import { repairAsNix } from './repair-as-nix.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeRepair: NixVerb = defineVerb({
  description: [
    'The paths are taken anew from substituters, whether or not they are broken. Where none has the same contents, those of another build are taken if they are signed by a trusted key. Nothing is built.',
  ],
  arguments: [installableArgument],
  options: pathOptions,
  evaluates: true,
  examples: [
    {
      meaning: 'a path that something has written to',
      command: 'nix store repair /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  run: async (call, words, options) =>
    await withStore(call, async (store, session) => {
      const paths = await namedClosure(call, store, words, options);
      await repairAsNix(session, store, paths);
      return 0;
    }),
});
