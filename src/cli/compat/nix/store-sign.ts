/** `nix store sign` */
import { signPaths } from '../../../copy/sign.ts';
import { say } from '../../context.ts';
import { readSignKeys } from '../../read-sign-keys.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { installableArgument, namedInfos, pathOptions } from './path-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeSign: NixVerb = defineVerb({
  description: [
    'What is signed is what the store knows of its paths. The file with the key must be readable by its owner alone.',
  ],
  arguments: [installableArgument],
  options: {
    ...pathOptions,
    keyFile: { help: 'a file with a secret key', short: 'k', value: 'FILE', completes: 'file' },
  },
  evaluates: true,
  examples: [{ meaning: 'all that a program needs', command: 'nix store sign -r -k key ./result' }],
  async run(call, words, options) {
    if (options.keyFile === undefined) {
      throw nixUsage(PROGRAM, "required argument '--key-file' is missing");
    }
    const keys = readSignKeys(call.context, [options.keyFile]);
    return await withStore(call, async (store) => {
      const infos = await namedInfos(call, store, words, options);
      const added = await signPaths(store, infos.keys(), keys, { signal: call.context.signal });
      await say(call.context, `added ${added} signatures`);
      return 0;
    });
  },
});
