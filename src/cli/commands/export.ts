/** `ferry export`: a closure as one file, in Nix's own format, or as a bundle. */
import { computeClosure } from '../../copy/closure.ts';
import { exportPaths } from '../../copy/export-paths.ts';
import { sortTopologically } from '../../copy/order.ts';
import { FerryError } from '../../error.ts';
import type { StoreDir } from '../../format/store-path.ts';
import { defineCommand, flagOf, type Command } from '../command.ts';
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
    'With --bundle it is a bundle, the format of ferry itself: compressed, with signatures and all that is known of the paths, checked, and to be listed, split, and read at any place. ferry import knows it by itself. The same closure gives the same bytes. Interrupted on its way into a FILE, the same command again goes on where it was; until all is there it is called FILE.part.',
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
    bundle: { help: 'write a bundle' },
    output: {
      help: 'write a bundle into this file',
      short: 'o',
      value: 'FILE',
      completes: 'file',
    },
    compression: {
      help: 'of a bundle: zstd, which is the default, xz, gzip or none',
      value: 'METHOD',
      choices: ['zstd', 'xz', 'gzip', 'none'],
    },
    level: { help: 'how hard a bundle is compressed', value: 'N' },
    split: {
      help: 'parts of this size at the most, such as 4095M: FILE.001, FILE.002 and so on',
      value: 'SIZE',
    },
    since: {
      help: 'leave this path of the store out of a bundle, and all it refers to',
      value: 'PATH',
      repeated: true,
      completes: 'file',
    },
    withoutClosureOf: {
      help: 'leave out of a bundle what this file lists, which ferry store list printed where it goes',
      value: 'FILE',
      repeated: true,
      completes: 'file',
    },
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
    {
      meaning: 'onto sticks, less what is there already',
      command: `${TITLE} --bundle --split 4095M -o system.bundle --without-closure-of there /run/current-system`,
    },
  ],
  async run(context, given, options) {
    const { from, store, stdin, noRecursive, includeOutputs, json, bundle, ...ofBundle } = options;
    if (given.length === 0 && !stdin) throw usage(TITLE, 'no PATH was given');
    if (from !== undefined && store !== undefined) {
      throw usage(TITLE, '--from and --store mean the same: give one of them');
    }
    if (bundle) {
      const { runBundleExport } = await import('../run-bundle-export.ts');
      const words = stdin ? [...given, ...(await wordsOf(context.stdin))] : given;
      const query = { from: from ?? store, words, noRecursive, includeOutputs, json };
      return await runBundleExport(context, { ...query, ...ofBundle });
    }
    const [lone] = Object.entries(ofBundle).filter(
      ([, value]) => value?.length !== undefined && value.length > 0,
    );
    if (lone !== undefined) throw usage(TITLE, `${flagOf(lone[0])} is for bundles: add --bundle`);
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
      await stdout.widen?.();
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
