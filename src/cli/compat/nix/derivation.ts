/** `nix derivation show` and `nix derivation add` */
import { FerryError } from '../../../error.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { addDerivationFromJson } from '../../add-derivation-from-json.ts';
import { withInputs } from '../../derivations-of.ts';
import { showDerivations } from '../../show-derivations.ts';
import { derivationOf } from '../derivation-of.ts';
import { findInstallables } from './installables.ts';
import { installableArgument } from './path-words.ts';
import { defineVerb, type NixCall, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const derivationShow: NixVerb = defineVerb({
  description: [
    'JSON of format 4: all of them by their names. What was built stands for the derivation that built it.',
  ],
  arguments: [{ ...installableArgument, repeated: true }],
  options: {
    recursive: { help: 'and all derivations that they need', short: 'r' },
    pretty: { help: 'on several lines, as on a terminal' },
    noPretty: { help: 'on one line, also on a terminal' },
  },
  evaluates: true,
  examples: [
    { meaning: 'how a program was built', command: 'nix derivation show ./result' },
    { meaning: 'and all that it needs', command: 'nix derivation show -r ./result' },
  ],
  run: async (call, words, { recursive, pretty, noPretty }) =>
    await withStore(call, async (store) => {
      const { signal } = call.context;
      // Which outputs are meant makes no difference, nor whether there are such.
      const named = words.map((word) => word.replace(/(?<=\.drv)\^[^/^]+$/, ''));
      const found = await findInstallables(call, store, named, { derivation: true });
      const drvs: StorePath[] = [];
      for (const each of found) {
        drvs.push(each.kind === 'built' ? each.drv : await deriverOf(call, store, each.path));
      }
      const { all } = await withInputs(store, drvs, { recursive, signal });
      const onLines = pretty ? true : noPretty ? false : undefined;
      await showDerivations(call.context, store, all, { pretty: onLines });
      return 0;
    }),
});

async function deriverOf(
  { context: { signal } }: NixCall,
  store: Store,
  path: StorePath,
): Promise<StorePath> {
  const drv = await derivationOf(store, path, signal);
  if (drv !== undefined) return drv;
  const printed = printStorePath(store.storeDir, path);
  throw new FerryError('not-found', `'${printed}' does not have a known deriver`, {
    path: printed,
  });
}

export const derivationAdd: NixVerb = defineVerb({
  description: ['Takes one derivation as JSON of format 4 on stdin, and prints its path.'],
  arguments: [],
  options: { dryRun: { help: 'only print the path that it would have' } },
  examples: [{ meaning: 'one out of a file', command: 'nix derivation add < derivation.json' }],
  run: async (call, _words, { dryRun }) =>
    await withStore(call, async (store) => {
      await addDerivationFromJson(call.context, store, { dryRun });
      return 0;
    }),
});
