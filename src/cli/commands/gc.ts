/** `ferry gc`: deletes what nothing needs; says before what that is, and what needs the rest. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { FerryError } from '../../error.ts';
import type { Store } from '../../store/store.ts';
import { requireCollectingDaemon, requirePresent } from '../as-collecting-store.ts';
import { asLocalStore } from '../as-local-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say, type CommandContext } from '../context.ts';
import { viewGarbage } from '../garbage-view.ts';
import {
  findOldGenerations,
  removeOldGenerations,
  whichGenerations,
  type OldGeneration,
} from '../old-generations.ts';
import { parseByteCount } from '../parse-byte-count.ts';
import { usage } from '../parse-words.ts';
import { printPieces } from '../print-pieces.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession, type Session } from '../session.ts';
import { tellWhy } from '../tell-why.ts';
import { CollectReport } from '../ui/collect-report.ts';
import { garbageJson, garbageText, generationText } from '../ui/render-garbage.ts';
import { formatCount } from '../ui/units.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry gc';

export const gc: Command = defineCommand({
  description: [
    'Deletes every path that no GC root needs: no profile, no link such as ./result, no running program, and nobody who is just adding it. What those paths refer to stays; with keep-derivations and keep-outputs in nix.conf, their derivations and the outputs of these stay too. Others may use and fill the store meanwhile, Nix as well as ferry.',
    'With --dry-run nothing is deleted: it lists what would be, the largest last. Sizes are then those of NARs; --measure looks at every file, and tells what deleting them frees, which is less where equal files share their contents.',
    'With --why, or --dry-run with a PATH, it says what needs a path: the root (a link, a process) and the shortest way from there to the path.',
    'With --json there is one JSON object per line for each thing that was deleted, the last one of type "done"; with --dry-run or --why it is one object.',
  ],
  arguments: [
    {
      name: 'PATH',
      help: 'with --why: what might be deleted',
      optional: true,
      repeated: true,
      completes: 'file',
    },
  ],
  options: {
    ...storeOption,
    dryRun: { help: 'say what would be deleted', short: 'n' },
    why: { help: 'say what needs the PATHs' },
    measure: { help: 'with --dry-run: look how much each takes on the disk' },
    maxFreed: { help: 'stop once more than so much is freed: 500M, 10G', value: 'SIZE' },
    deleteOld: { help: 'give up all generations of profiles but the current ones', short: 'd' },
    deleteOlderThan: {
      help: 'give up generations that were not in use so many days ago',
      value: 'DAYS',
    },
    json: { help: 'tell programs, in JSON' },
  },
  examples: [
    { meaning: 'what would go', command: 'ferry gc --dry-run' },
    { meaning: 'a month of generations is enough', command: 'ferry gc --delete-older-than 30d' },
    { meaning: 'why it is still there', command: 'ferry gc --why ./result' },
    { meaning: 'of a system below a directory', command: 'ferry gc --store /mnt' },
  ],
  async run(context, words, options) {
    const { why, dryRun, measure, json } = options;
    const old = whichGenerations(TITLE, options);
    const maxFreed =
      options.maxFreed === undefined
        ? undefined
        : parseByteCount(TITLE, '--max-freed', options.maxFreed);
    if (words.length > 0 && !why && !dryRun) {
      throw new FerryError('usage', `${TITLE} deletes all that nothing needs, not a PATH`, {
        hint: `to delete it: ferry delete ${words[0]}; what needs it: ${TITLE} --why ${words[0]}`,
      });
    }
    if (why && words.length === 0) throw usage(TITLE, '--why needs a PATH');
    if (measure && !dryRun) throw usage(TITLE, '--measure goes with --dry-run');
    if (maxFreed !== undefined && (dryRun || why)) {
      throw usage(TITLE, '--max-freed leaves nothing to be said before');
    }
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    if (words.length === 0 && !dryRun) {
      const gone =
        old === undefined ? [] : await removeOldGenerations(context, session, store, old);
      return await collect(context, session, store, { maxFreed, json, gone });
    }
    const generations = old === undefined ? [] : findOldGenerations(context, session, store, old);
    const { signal, stdout } = context;
    const withoutLinks = new Set(generations.map(({ link }) => link));
    const view = await viewGarbage(session, store, { withoutLinks, signal });
    if (words.length > 0) {
      const paths = [...new Set(words.map((word) => resolveIn(context, store, word).path))];
      await requirePresent(store, paths, { signal });
      await tellWhy(context, store, view, paths, { isJson: json });
      return 0;
    }
    const items = await view.garbage({ measure });
    const found = { storeDir: store.storeDir, items, generations, isMeasured: measure };
    await printPieces(stdout, json ? garbageJson(found) : garbageText(found));
    return 0;
  },
});

interface CollectWords {
  readonly maxFreed: number | undefined;
  readonly json: boolean;
  /** Generations that were given up for it. */
  readonly gone: readonly OldGeneration[];
}

async function collect(
  context: CommandContext,
  session: Session,
  store: Store,
  { maxFreed, json, gone }: CollectWords,
): Promise<number> {
  for (const generation of gone) await say(context, `gave up ${generationText(generation)}`);
  const { names, bytesFreed, failure } = await collectIn(context, session, store, {
    maxFreed,
    isJson: json,
  });
  const deleted = `deleted ${formatCount(names.length, 'path')}, ${formatBytes(bytesFreed)} freed`;
  await say(context, names.length > 0 || failure !== undefined ? deleted : 'nothing to delete');
  if (failure !== undefined) throw failure;
  return 0;
}

interface CollectResult {
  readonly names: readonly string[];
  readonly bytesFreed: number;
  readonly failure?: unknown;
}

async function collectIn(
  context: CommandContext,
  { settings }: Session,
  store: Store,
  { maxFreed, isJson }: { readonly maxFreed: number | undefined; readonly isJson: boolean },
): Promise<CollectResult> {
  const { signal } = context;
  const { keepOutputs, keepDerivations } = settings;
  await using report = new CollectReport(context, store.storeDir, { isJson });
  const local = asLocalStore(store);
  let result: CollectResult;
  if (local !== undefined) {
    result = await local.collectGarbage({
      keepOutputs,
      keepDerivations,
      maxFreed,
      signal,
      onEvent: (event) => report.take(event),
    });
  } else {
    const request = { action: 'delete-dead', maxFreed, ignoreLiveness: false } as const;
    const answer = await requireCollectingDaemon(store).collectGarbage(request, { signal });
    result = { names: answer.paths, bytesFreed: answer.bytesFreed };
  }
  const { names, bytesFreed, failure } = result;
  report.done({ deleted: names.length, bytesFreed, isComplete: failure === undefined });
  return result;
}
