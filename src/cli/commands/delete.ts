/** `ferry delete`: deletes particular paths, or says what needs them. */
import { formatBytes } from '../../bytes/format-bytes.ts';
import { FerryError } from '../../error.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import { requireCollectingDaemon, requirePresent } from '../as-collecting-store.ts';
import { requireDatabaseStore } from '../as-daemon-store.ts';
import { asLocalStore } from '../as-local-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';
import { viewGarbage } from '../garbage-view.ts';
import { printPieces } from '../print-pieces.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { tellNeeded } from '../tell-why.ts';
import { formatCount } from '../ui/units.ts';
import { storeOption } from './store-option.ts';

export const deleteCommand: Command = defineCommand({
  description: [
    'Either all of the PATHs go or none: where a GC root needs one of them, or a path that is not named refers to it, that is said and nothing is deleted. What they refer to stays; ferry gc deletes that where nothing else needs it.',
  ],
  arguments: [{ name: 'PATH', help: 'what to delete', repeated: true, completes: 'file' }],
  options: {
    ...storeOption,
    referrers: { help: 'and all that refers to the paths', short: 'r' },
    dryRun: { help: 'say what would be deleted', short: 'n' },
  },
  examples: [
    {
      meaning: 'a path that was downloaded by mistake',
      command: 'ferry delete /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
    {
      meaning: 'with everything that refers to it',
      command: 'ferry delete -r /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  async run(context, words, options) {
    const { signal, stdout } = context;
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const named = new Set(words.map((word) => resolveIn(context, store, word).path));
    await requirePresent(store, [...named], { signal });
    const referrers = await referrersOf(store, named, signal);
    const wanted = options.referrers ? new Set([...named, ...referrers.keys()]) : named;
    const view = await viewGarbage(session, store, { signal });
    const [needed] = await tellNeeded(context, store, view, wanted);
    if (needed !== undefined) throw cannotDelete(store, needed, 'a GC root needs it');
    for (const [referrer, path] of referrers) {
      if (wanted.has(referrer)) continue;
      const printed = printStorePath(store.storeDir, referrer);
      const hint = '--referrers deletes all that refers to it, too';
      throw cannotDelete(store, path, `"${printed}" refers to it`, hint);
    }
    if (options.dryRun) {
      const lines = [...wanted].map((path) => `  ${printStorePath(store.storeDir, path)}\n`);
      await printPieces(stdout, [...lines, `would delete ${formatCount(wanted.size, 'path')}\n`]);
      return 0;
    }
    const { count, bytesFreed, failure } = await deleteFrom(store, wanted, signal);
    await say(context, `deleted ${formatCount(count, 'path')}, ${formatBytes(bytesFreed)} freed`);
    if (failure !== undefined) throw failure;
    return 0;
  },
});

/** All that refers to paths, directly or not, each with one that it refers to. */
async function referrersOf(
  store: Store,
  paths: ReadonlySet<StorePath>,
  signal: AbortSignal,
): Promise<Map<StorePath, StorePath>> {
  const database = requireDatabaseStore(store, 'find referrers in');
  const found = new Map<StorePath, StorePath>();
  for (let level = [...paths]; level.length > 0; ) {
    const next: StorePath[] = [];
    for (const [path, referrers] of await database.queryReferrers(level, { signal })) {
      for (const referrer of referrers) {
        if (paths.has(referrer) || found.has(referrer)) continue;
        found.set(referrer, path);
        next.push(referrer);
      }
    }
    level = next;
  }
  return found;
}

async function deleteFrom(
  store: Store,
  paths: ReadonlySet<StorePath>,
  signal: AbortSignal,
): Promise<{ count: number; bytesFreed: number; failure?: unknown }> {
  const local = asLocalStore(store);
  if (local === undefined) {
    const { paths: gone, bytesFreed } = await requireCollectingDaemon(store).deletePaths(paths, {
      signal,
    });
    return { count: gone.length, bytesFreed };
  }
  const deleted = await local.deletePaths(paths, { signal });
  return { count: deleted.paths.length, ...deleted };
}

function cannotDelete(
  { storeDir }: Store,
  path: StorePath,
  reason: string,
  hint?: string,
): FerryError {
  const printed = printStorePath(storeDir, path);
  return new FerryError('conflict', `cannot delete "${printed}": ${reason}`, {
    path: printed,
    ...(hint === undefined ? {} : { hint }),
  });
}
