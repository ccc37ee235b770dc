/** `ferry sign`: adds signatures to paths that are in a store. */
import { computeClosure } from '../../copy/closure.ts';
import { signPaths } from '../../copy/sign.ts';
import { allPathsOf } from '../all-paths-of.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { usage } from '../parse-words.ts';
import { readSignKeys } from '../read-sign-keys.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { formatCount } from '../ui/units.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry sign';

export const sign: Command = defineCommand({
  description: [
    'A signature says that a path has these contents and refers to those paths. What is signed is what the store knows of them: where you have doubts about the store, run ferry verify first.',
    'The key comes from a file that only you may read; ferry key generate makes one. Whoever is to trust it puts what ferry key public prints into trusted-public-keys of their nix.conf.',
  ],
  arguments: [
    { name: 'PATH', help: 'store paths', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    key: {
      help: 'a file with a secret key',
      short: 'k',
      value: 'FILE',
      repeated: true,
      completes: 'file',
    },
    recursive: { help: 'and all that the paths refer to', short: 'r' },
    all: { help: 'all paths of the store', short: 'a' },
    ...storeOption,
  },
  examples: [
    {
      meaning: 'what nix-build made, with all it needs',
      command: 'ferry sign --key ~/cache.example.org-1.secret --recursive ./result',
    },
    {
      meaning: 'what is in a binary cache',
      command: 'ferry sign --key key --store file:///srv/cache -r ./result',
    },
  ],
  async run(context, words, options) {
    if (options.key.length === 0) throw usage(TITLE, 'no --key was given');
    if (options.all && words.length > 0) throw usage(TITLE, '--all leaves nothing for a PATH');
    if (!options.all && words.length === 0) throw usage(TITLE, 'no PATH was given, and no --all');
    const keys = readSignKeys(context, options.key);
    const { signal } = context;
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const named = words.map((word) => resolveIn(context, store, word).path);
    const noRecursive = !options.recursive;
    const paths = options.all
      ? await allPathsOf(store, signal)
      : [...(await computeClosure(store, named, { signal, noRecursive })).keys()];
    const added = await signPaths(store, paths, keys, { signal });
    const count = formatCount(added, 'signature');
    await say(context, `added ${count} to ${formatCount(paths.length, 'path')}`);
    return 0;
  },
});
