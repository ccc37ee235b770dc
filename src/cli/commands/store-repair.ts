/** `ferry store repair`: takes paths anew from elsewhere, whether or not something is wrong with them. */
import { type FerryError, messageOf } from '../../error.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { requireLocalStore } from '../as-local-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { exitStatusOf, partialStatus, printable } from '../errors.ts';
import { usage } from '../parse-words.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { runRepair } from '../run-repair.ts';
import { openSession } from '../session.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { formatCount } from '../ui/units.ts';
import { wordsOf } from '../words.ts';
import { REPAIR, repairOptions } from './repair-options.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry store repair';

export const storeRepair: Command = defineCommand({
  description: [
    'The files of the paths are replaced by new ones in one step: the path is there at every moment, and programs that run from it keep what they have. The contents are those that are recorded for the path, so that nobody has to vouch for them. Which paths are damaged ferry verify finds out; with --repair it does both.',
    "Also modes and times, which no hash covers, are what they should be then. What isn't valid is fetched.",
  ],
  arguments: [
    { name: 'PATH', help: 'store paths', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    ...storeOption,
    ...repairOptions,
    stdin: { help: 'read further PATHs from stdin, separated by white space' },
  },
  examples: [
    {
      meaning: 'a path that something has written to',
      command:
        'ferry store repair --from ssh://server /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  async run(context, given, { store: uri, from, otherContents, noCheckSigs, stdin }) {
    const words = stdin ? [...given, ...(await wordsOf(context.stdin))] : given;
    if (words.length === 0) throw usage(TITLE, 'no PATH was given');
    await using session = openSession(context);
    const store = requireLocalStore(await session.openExisting(uri), REPAIR);
    const paths = new Set(words.map((word) => resolveIn(context, store, word).path));
    const output = new OrderedOutput(context.stderr);
    session.onLine = (line) => output.line(line);
    const print = (path: StorePath): string => `"${printStorePath(store.storeDir, path)}"`;
    const failures = await runRepair(session, store, [...paths], {
      from,
      otherContents,
      checkSigs: !noCheckSigs,
      onRepaired(path, source) {
        if (context.verbosity < 0) return;
        output.line(`repaired path ${print(path)} from "${printable(source)}"`);
      },
    });
    for (const error of failures.values()) tell(output, error);
    await output.settled();
    const repaired = paths.size - failures.size;
    await say(context, `repaired ${repaired} of ${formatCount(paths.size, 'path')}`);
    const [first] = failures.values();
    if (first === undefined) return 0;
    return repaired > 0 ? partialStatus : exitStatusOf(first);
  },
});

function tell(output: OrderedOutput, error: FerryError): void {
  output.line(`error: ${printable(messageOf(error))}`);
  if (error.hint !== undefined) output.line(`hint: ${printable(error.hint)}`);
}
