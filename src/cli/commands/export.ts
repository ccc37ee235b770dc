/** `ferry export`: a closure as one file, in Nix's own format. */
import { computeClosure } from '../../copy/closure.ts';
import { exportPaths } from '../../copy/export-paths.ts';
import { sortTopologically } from '../../copy/order.ts';
import { FerryError } from '../../error.ts';
import type { StoreDir } from '../../format/store-path.ts';
import { defineCommand, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { usage } from '../parse-words.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import type { CopyProgress } from '../ui/copy-progress.ts';
import { wordsOf } from '../words.ts';

const TITLE = 'ferry export';

export const exportCommand: Command = defineCommand({
  description: [
    'Writes paths and all they refer to to stdout, references first, in the format of nix-store --export: ferry import and nix-store --import take it. What has changed in the store since it was added ends it with an error, before anybody could take the path for whole.',
    'The format has no signatures and no content addresses: whoever imports it trusts whoever gave it to him.',
    'With --json there is one JSON object per line on stderr for each event, as ferry copy has them.',
  ],
  arguments: [
    { name: 'PATH', help: 'what to export', optional: true, repeated: true, completes: 'file' },
  ],
  options: {
    from: { help: 'the store to export from', value: 'STORE', completes: 'store' },
    store: { help: 'the same as --from', value: 'STORE', completes: 'store', hidden: true },
    noRecursive: { help: 'export only the paths named, not what they refer to' },
    includeOutputs: { help: 'with the valid outputs of all derivations that are exported' },
    stdin: { help: 'read further PATHs from stdin, separated by white space' },
    json: { help: 'tell programs, in JSON, on stderr' },
  },
  examples: [
    { meaning: 'into a file', command: `${TITLE} ./result > result.nar` },
    {
      meaning: 'from a server, packed for a long way',
      command: `${TITLE} --from ssh://server /run/current-system | zstd > system.nar.zst`,
    },
    {
      meaning: 'to a machine that ferry has no other way to',
      command: `${TITLE} ./result | ssh server nix-store --import`,
    },
  ],
  async run(context, given, options) {
    const { from, store, stdin, noRecursive, includeOutputs, json } = options;
    if (given.length === 0 && !stdin) throw usage(TITLE, 'no PATH was given');
    if (from !== undefined && store !== undefined) {
      throw usage(TITLE, '--from and --store mean the same: give one of them');
    }
    const { stdout, signal } = context;
    if (stdout.isTerminal) {
      throw new FerryError('usage', 'cannot write an export to a terminal', {
        hint: `${TITLE} ${given.join(' ')} > FILE`,
      });
    }
    const words = stdin ? [...given, ...(await wordsOf(context.stdin))] : given;
    await using session = openSession(context);
    const source = await session.openExisting(from ?? store);
    const progress = await progressFor(context, source.storeDir, json);
    session.onLine = progress.print;
    try {
      const { onEvent } = progress;
      const { workers } = session;
      const roots = words.map((word) => resolveIn(context, source, word).path);
      const query = { signal, noRecursive, includeOutputs, onEvent };
      const closure = await computeClosure(source, roots, query);
      const infos = sortTopologically([...closure.values()]);
      for await (const chunk of exportPaths(source, infos, { workers, signal, onEvent })) {
        await stdout.write(chunk);
      }
    } finally {
      await progress.finish();
    }
    return 0;
  },
});

async function progressFor(
  context: CommandContext,
  storeDir: StoreDir,
  json: boolean,
): Promise<CopyProgress> {
  if (!json) return (await import('../ui/stream-progress.ts')).showStream(context, 'exported');
  const { jsonProgress } = await import('../ui/copy-json.ts');
  return jsonProgress({ ...context, stdout: context.stderr }, storeDir);
}
