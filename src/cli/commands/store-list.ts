/** `ferry store list`: all that is valid in a store. */
import { computeClosure } from '../../copy/closure.ts';
import { compareStorePaths, printStorePath } from '../../format/store-path.ts';
import { allPathsOf } from '../all-paths-of.ts';
import { defineCommand, type Command } from '../command.ts';
import { usage } from '../parse-words.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry store list';

export const storeList: Command = defineCommand({
  description: [
    'Prints all valid paths, one in a line, sorted; with -r only PATHs and all that they refer to. What it prints on one machine ferry export --without-closure-of takes on another.',
  ],
  arguments: [
    {
      name: 'PATH',
      help: 'with -r: whose closures to list',
      optional: true,
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    ...storeOption,
    recursive: { help: 'only PATHs and all that they refer to', short: 'r' },
    json: { help: 'a JSON array' },
  },
  examples: [
    { meaning: 'for a bundle with only what is missing here', command: `${TITLE} > there` },
    {
      meaning: 'the closure of a system',
      command: `${TITLE} --store ssh://server -r /run/current-system`,
    },
  ],
  async run(context, words, options) {
    if (options.recursive && words.length === 0) throw usage(TITLE, '-r needs a PATH');
    if (!options.recursive && words.length > 0) {
      throw usage(TITLE, 'a PATH is of use only with -r, which lists its closure');
    }
    const { signal, stdout } = context;
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const named = words.map((word) => resolveIn(context, store, word).path);
    const found = options.recursive
      ? [...(await computeClosure(store, named, { signal })).keys()]
      : await allPathsOf(store, signal);
    const lines = found.sort(compareStorePaths).map((path) => printStorePath(store.storeDir, path));
    if (options.json) {
      await stdout.write(`${JSON.stringify(lines)}\n`);
      return 0;
    }
    const output = new OrderedOutput(stdout);
    for (const line of lines) output.line(line);
    await output.settled();
    return 0;
  },
});
