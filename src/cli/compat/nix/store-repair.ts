/** `nix store repair` */
import { installableArgument, namedPaths, pathOptions } from './path-words.ts';
import { computeClosure } from '../../../copy/closure.ts';
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
      const { signal } = call.context;
      const named = await namedPaths(call, store, words, options);
      const paths = options.recursive
        ? [...(await computeClosure(store, named, { signal })).keys()]
        : named;
      await repairAsNix(session, store, paths);
      return 0;
    }),
});
