/** `nix store make-content-addressed` */
import { makeContentAddressed } from '../../../copy/make-content-addressed.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import { openSession } from '../../session.ts';
import { OrderedOutput } from '../../ui/ordered-output.ts';
import { installableArgument, namedInfos, pathOptions } from './path-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';

export const storeMakeContentAddressed: NixVerb = defineVerb({
  description: [
    'The paths, with all that they refer to, get names that follow from their contents, so that no signature is needed to trust them.',
    'A path that refers to itself is hashed with the positions of these references, as is documented; Nix 2.17 to 2.34 leave them out, and so refuse such a path.',
  ],
  arguments: [installableArgument],
  options: {
    ...pathOptions,
    from: { help: 'the store to read from', value: 'STORE', completes: 'store' },
    to: { help: 'the store to add them to', value: 'STORE', completes: 'store' },
    json: { help: 'tell programs, in JSON' },
  },
  evaluates: true,
  examples: [
    {
      meaning: 'for a machine that trusts nobody',
      command: 'nix store make-content-addressed --to ssh://server ./result',
    },
  ],
  async run(call, words, { from, to, json, ...flags }) {
    const { context, store: uri } = call;
    const { signal } = context;
    await using session = openSession(context);
    const source = await session.openExisting(from ?? uri);
    const destination = await session.open(to ?? uri);
    const named = await namedInfos({ ...call, store: from ?? uri }, source, words, flags);
    const output = new OrderedOutput(context.stderr);
    const print = (path: StorePath): string => printStorePath(source.storeDir, path);
    const say = (line: string): void => {
      if (context.verbosity >= 0) output.line(line);
    };
    const renamed = await makeContentAddressed(source, destination, [...named.keys()], {
      signal,
      onRewriting: (old, young) => say(`rewriting '${print(old)}' to '${print(young)}'`),
    });
    const rewrites = [...named.keys()]
      .sort()
      .map((path): [string, string] => [print(path), print(renamed.get(path) ?? path)]);
    if (json) {
      const text = JSON.stringify({ rewrites: Object.fromEntries(rewrites) });
      await output.settled();
      await context.stdout.write(`${text}\n`);
      return 0;
    }
    for (const [old, young] of rewrites) say(`rewrote '${old}' to '${young}'`);
    await output.settled();
    return 0;
  },
});
