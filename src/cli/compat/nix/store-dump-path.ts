/** `nix store dump-path`: the NAR of a path. */
import { nixUsage } from '../nix-words.ts';
import { readOneNar } from '../../read-one-nar.ts';
import { findInstallables, pathsOf } from './installables.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { installableArgument } from './path-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeDumpPath: NixVerb = defineVerb({
  description: [],
  arguments: [installableArgument],
  options: {},
  evaluates: true,
  examples: [{ meaning: 'into a file', command: 'nix store dump-path ./result > result.nar' }],
  run: async (call, words) =>
    await withStore(call, async (store) => {
      const { stdout, signal } = call.context;
      const found = await findInstallables(call, store, words, { storeUri: call.store });
      const paths = pathsOf(found);
      const [path] = paths;
      if (path === undefined || paths.length !== 1) {
        throw nixUsage(PROGRAM, 'this command requires exactly one store path');
      }
      if (stdout.isTerminal) {
        throw nixUsage(PROGRAM, 'refusing to write binary data to a terminal');
      }
      await readOneNar(store, path, signal, async (nar) => {
        for await (const chunk of nar) await stdout.write(chunk);
      });
      return 0;
    }),
});
