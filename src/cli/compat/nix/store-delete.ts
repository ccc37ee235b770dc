/** `nix store delete`: on this machine, behind a daemon, out of a binary cache. */
import { FerryError } from '../../../error.ts';
import { computeClosure } from '../../../copy/closure.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { DeleteEvent } from '../../../store/local/delete-paths.ts';
import type { LocalStore } from '../../../store/local/local-store.ts';
import type { CallOptions, Store } from '../../../store/store.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { OrderedOutput } from '../../ui/ordered-output.ts';
import { nixSize } from './nix-size.ts';
import { installableArgument, namedPaths, pathOptions } from './path-words.ts';
import { defineVerb, type NixCall, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeDelete: NixVerb = defineVerb({
  description: [
    'What a GC root, a running program or a path that is not named needs is not deleted: that is an error, after which what came before it stays deleted.',
    'Out of a binary cache only what nothing else there refers to is deleted; it has no roots.',
  ],
  arguments: [installableArgument],
  options: {
    ...pathOptions,
    ignoreLiveness: { help: 'also what GC roots need' },
  },
  evaluates: true,
  examples: [
    {
      meaning: 'a path that was downloaded by mistake',
      command: 'nix store delete /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello',
    },
  ],
  run: async (call, words, options) =>
    await withStore(call, async (store) => {
      const { signal } = call.context;
      const named = await namedPaths(call, store, words, options);
      const paths = options.recursive
        ? [...(await computeClosure(store, named, { signal })).keys()]
        : named;
      const local = asLocalStore(store);
      if (local !== undefined) return await deleteHere(call, local, paths, options);
      const { count, bytesFreed } = await deleteElsewhere(store, paths, options, signal);
      await tellCount(call, count, bytesFreed);
      return 0;
    }),
});

interface DeleteFlags {
  readonly ignoreLiveness: boolean;
}

async function deleteHere(
  call: NixCall,
  store: LocalStore,
  paths: readonly StorePath[],
  { ignoreLiveness }: DeleteFlags,
): Promise<number> {
  const { context } = call;
  const output = new OrderedOutput(context.stderr);
  const onEvent = (event: DeleteEvent): void => {
    if (context.verbosity >= 0) output.line(lineOf(store, event));
  };
  const { signal } = context;
  const deleted = await store.deletePaths(paths, { ignoreLiveness, signal, onEvent });
  await output.settled();
  await tellCount(call, deleted.paths.length, deleted.bytesFreed);
  if (deleted.failure !== undefined) throw deleted.failure;
  return 0;
}

function lineOf({ storeDir }: Store, event: DeleteEvent): string {
  switch (event.type) {
    case 'finding-roots':
      return 'finding garbage collector roots...';
    case 'deleting':
      return `deleting '${printStorePath(storeDir, event.path)}'`;
    case 'deleting-links':
      return 'deleting unused links...';
    case 'links-saving':
      return `note: hard linking is currently saving ${nixSize(event.bytes)}`;
  }
}

/** What stores elsewhere answer: a daemon says what it freed, a cache what it has removed. */
interface DeletingStore extends Store {
  deletePaths(
    paths: Iterable<StorePath>,
    options: CallOptions,
  ): Promise<{ readonly paths?: readonly unknown[]; readonly bytesFreed?: number } | undefined>;
}

async function deleteElsewhere(
  store: Store,
  paths: readonly StorePath[],
  { ignoreLiveness }: DeleteFlags,
  signal: AbortSignal,
): Promise<{ count: number; bytesFreed: number }> {
  if (!('deletePaths' in store)) {
    throw new FerryError('unsupported', `cannot delete paths of "${store.uri}"`, {
      store: store.uri,
    });
  }
  if (ignoreLiveness && 'isTrusted' in store) {
    throw new FerryError('unsupported', 'a daemon deletes nothing that is alive', {
      hint: 'run it on the machine itself, as root, with --store local',
    });
  }
  const valid = await store.queryValidPaths(paths, { signal });
  const answer = await (store as DeletingStore).deletePaths(paths, { signal });
  return { count: answer?.paths?.length ?? valid.size, bytesFreed: answer?.bytesFreed ?? 0 };
}

async function tellCount({ context }: NixCall, count: number, bytesFreed: number): Promise<void> {
  await context.stdout.write(`${count} store paths deleted, ${nixSize(bytesFreed)} freed\n`);
}
