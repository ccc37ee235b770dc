/** `ferry derivation add`: a derivation out of JSON. */
import { addDerivationFromJson } from '../add-derivation-from-json.ts';
import { defineCommand, type Command } from '../command.ts';
import { openSession } from '../session.ts';
import { storeOption } from './store-option.ts';

export const derivationAdd: Command = defineCommand({
  description: [
    'Reads one derivation as JSON from stdin, as "ferry derivation show" prints it within "derivations", writes it to the store and prints its path, as "nix derivation add". Outputs given as {} get their paths; those that are given must be right, and its inputs must be in the store.',
  ],
  arguments: [],
  options: {
    ...storeOption,
    dryRun: { help: 'only print the path that it would have', short: 'n' },
  },
  examples: [
    {
      meaning: 'another one like it',
      command:
        'ferry derivation show ./result | jq \'.derivations[] | .env.name = "other" | .env.out = "" | .name = "other" | .outputs = {out: {}}\' | ferry derivation add',
    },
  ],
  async run(context, _words, { store: uri, dryRun }) {
    await using session = openSession(context);
    await addDerivationFromJson(context, await session.open(uri), { dryRun });
    return 0;
  },
});
