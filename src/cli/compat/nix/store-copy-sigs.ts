/** `nix store copy-sigs` */
import { copySignatures } from '../../../copy/sign.ts';
import { messageOf } from '../../../error.ts';
import { say } from '../../context.ts';
import { printable } from '../../errors.ts';
import { openSubstituters } from '../../open-substituters.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { installableArgument, namedInfos, pathOptions } from './path-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeCopySigs: NixVerb = defineVerb({
  description: ['Only signatures of the very same contents are taken.'],
  arguments: [installableArgument],
  options: {
    ...pathOptions,
    substituter: {
      help: 'a store that has signatures',
      short: 's',
      value: 'STORE',
      repeated: true,
      completes: 'store',
    },
  },
  evaluates: true,
  examples: [
    {
      meaning: 'from the public cache',
      command: 'nix store copy-sigs -r -s https://cache.nixos.org ./result',
    },
  ],
  async run(call, words, options) {
    if (options.substituter.length === 0) {
      throw nixUsage(PROGRAM, "you must specify at least one substituter using '-s'");
    }
    return await withStore(call, async (store, session) => {
      const { context } = call;
      const infos = await namedInfos(call, store, words, options);
      const from = await openSubstituters(context, session, options.substituter);
      const added = await copySignatures(from, store, infos.keys(), {
        signal: context.signal,
        onFailed: ({ uri }, error) =>
          session.onLine(`warning: cannot ask '${uri}': ${printable(messageOf(error))}`),
      });
      await say(context, `imported ${added} signatures`);
      return 0;
    });
  },
});
