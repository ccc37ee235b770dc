/** `ferry derivation show`: how something was or would be built. */
import { FerryError } from '../../error.ts';
import { derivationJsonFormats } from '../../format/derivation-json.ts';
import { defineCommand, type Command } from '../command.ts';
import { derivationsOfWords } from '../derivations-of.ts';
import { openSession } from '../session.ts';
import { showDerivations } from '../show-derivations.ts';
import { storeOption } from './store-option.ts';

export const derivationShow: Command = defineCommand({
  description: [
    'Prints what "nix derivation show" of Nix 2.34 does, byte for byte: a JSON object with all of them by their names. A PATH that was built stands for the derivation that built it.',
    'With --json-format it is what older releases print: 1 of Nix 2.8 is keyed by full path and has "r:sha256" for a fixed output; 2 of Nix 2.26 has the method and the algorithm of outputs apart, and names; 4, from Nix 2.33 on and the default, has base names instead of paths, hashes as SRI, and structured attributes taken out of the environment.',
  ],
  arguments: [
    { name: 'PATH', help: 'derivations, or what they built', repeated: true, completes: 'file' },
  ],
  options: {
    ...storeOption,
    recursive: { help: 'and all derivations that they need', short: 'r' },
    jsonFormat: {
      help: 'which JSON',
      value: 'N',
      choices: derivationJsonFormats.map(String),
    },
    json: { help: 'as without it: there is no other form', hidden: true },
    pretty: { help: 'on several lines, as on a terminal' },
  },
  examples: [
    { meaning: 'how a program was built', command: 'ferry derivation show ./result' },
    {
      meaning: 'what is downloaded for it',
      command:
        "ferry derivation show -r ./result | jq -r '.derivations[].env | select(.urls) | .urls'",
    },
  ],
  async run(context, words, { store: uri, recursive, jsonFormat, pretty }) {
    const format = derivationJsonFormats.find((each) => String(each) === (jsonFormat ?? '4'));
    if (format === undefined) throw new FerryError('usage', `no JSON format "${jsonFormat}"`);
    await using session = openSession(context);
    const store = await session.openExisting(uri);
    const { all } = await derivationsOfWords(context, store, words, { recursive });
    await showDerivations(context, store, all, { format, pretty: pretty || undefined });
    return 0;
  },
});
