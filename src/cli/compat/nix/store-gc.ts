/** `nix store gc`. */
import { collectAsNix, printGarbage } from '../collect-as-nix.ts';
import { nixUsage } from '../nix-words.ts';
import { parseNixBytes } from '../nix-bytes.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeGc: NixVerb = defineVerb({
  description: [
    'What GC roots, running programs and profiles need stays; with keep-derivations and keep-outputs, also the derivations of that, and what those make.',
  ],
  arguments: [],
  options: {
    dryRun: { help: 'say how many paths would be deleted' },
    max: { help: 'stop once so many bytes are freed', value: 'N' },
  },
  examples: [{ meaning: 'ten gigabytes at the most', command: 'nix store gc --max 10G' }],
  run: async (call, _words, { dryRun, max }) => {
    const maxFreed =
      max === undefined ? undefined : parseNixBytes(PROGRAM, max, { isSigned: false });
    if (dryRun && maxFreed !== undefined) {
      throw nixUsage(PROGRAM, 'options --max and --dry-run cannot be combined');
    }
    return await withStore(call, async (store, session) => {
      const action = dryRun ? 'return-dead' : 'delete-dead';
      const garbage = await collectAsNix(call.context, session, store, { action, maxFreed });
      await printGarbage(call.context, garbage, { isDryRun: dryRun });
      return 0;
    });
  },
});
