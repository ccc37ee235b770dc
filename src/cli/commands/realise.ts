/** `ferry realise`: makes paths valid by fetching them from substituters, as `nix-store --realise` does. */
import { defineCommand, type Command } from '../command.ts';
import { usage } from '../parse-words.ts';
import { runRealise } from '../run-realise.ts';
import { wordsOf } from '../words.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry realise';

export const realise: Command = defineCommand({
  description: [
    'What is valid already costs nothing. What is missing comes, with all it refers to, from the substituter of the best priority that has it and whose word is good: signed by a key in trusted-public-keys, unless the contents speak for themselves. A substituter that is dead or gives something wrong costs a warning, and the next one is asked.',
    'For a derivation its outputs are realised, all of them or those named (….drv^out,dev). Nothing is built.',
    'The paths are printed on stdout, or with --add-root the links to them. With --json there is one JSON object per line for each event, the last one of type "realised"; with --dry-run as well it is one object, the plan.',
  ],
  arguments: [
    {
      name: 'PATH',
      help: 'store paths or derivations',
      optional: true,
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    ...storeOption,
    substituters: {
      help: 'ask these stores instead of those in nix.conf; several with blanks between them',
      value: 'STORES',
      repeated: true,
      completes: 'store',
    },
    addRoot: {
      help: 'link to the path here, and keep it from being collected as garbage',
      value: 'LINK',
      completes: 'file',
    },
    dryRun: { help: 'say what would be fetched, and from where', short: 'n' },
    json: { help: 'tell programs, in JSON' },
    noCheckSigs: { help: 'take paths that lack a signature by a trusted key' },
    keepGoing: { help: 'realise what can be, also where some can not', short: 'k' },
    stdin: { help: 'read further PATHs from stdin, separated by white space' },
  },
  examples: [
    {
      meaning: 'a path that a cache has',
      command: 'ferry realise /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
    {
      meaning: 'from another cache, kept for as long as the link is there',
      command:
        'ferry realise --substituters ssh://server --add-root ./result /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  async run(context, given, options) {
    const { stdin, noCheckSigs, substituters, ...rest } = options;
    if (given.length === 0 && !stdin) throw usage(TITLE, 'no PATH was given');
    return await runRealise(context, {
      ...rest,
      words: stdin ? [...given, ...(await wordsOf(context.stdin))] : given,
      substituters: substituters.flatMap((some) => some.split(/\s+/)).filter((uri) => uri !== ''),
      checkSigs: !noCheckSigs,
    });
  },
});
