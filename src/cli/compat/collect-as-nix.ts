/** Garbage collection as Nix's programs do and tell it: on this machine, or behind a daemon. */
import { FerryError } from '../../error.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import type { CollectEvent } from '../../store/local/collect-garbage.ts';
import type { DeleteEvent } from '../../store/local/delete-paths.ts';
import type { LocalStore } from '../../store/local/local-store.ts';
import type { Store } from '../../store/store.ts';
import type { DaemonStore } from '../../store/worker/daemon-store.ts';
import type { GarbageRequest } from '../../wire/worker/garbage.ts';
import { requireCollectingDaemon } from '../as-collecting-store.ts';
import { asLocalStore } from '../as-local-store.ts';
import type { CommandContext } from '../context.ts';
import { printable } from '../errors.ts';
import type { Session } from '../session.ts';
import { OrderedOutput } from '../ui/ordered-output.ts';
import { nixSize } from './nix/nix-size.ts';

export interface Garbage {
  /** Paths in full, and other things in the store directory, sorted. */
  readonly paths: readonly string[];
  readonly bytesFreed: number;
  /** Why it ended before its end. */
  readonly failure?: unknown;
}

const NOTHING: Garbage = { paths: [], bytesFreed: 0 };

export interface CollectRequest {
  readonly action: 'return-live' | 'return-dead' | 'delete-dead';
  /** Bytes; absent: no limit. */
  readonly maxFreed?: number | undefined;
}

/** @throws FerryError `unsupported` for a store that has no roots */
export async function collectAsNix(
  context: CommandContext,
  { settings }: Session,
  store: Store,
  { action, maxFreed }: CollectRequest,
): Promise<Garbage> {
  const { signal } = context;
  const local = asLocalStore(store);
  if (local === undefined) {
    const daemon = requireCollectingDaemon(store);
    return await askDaemon(daemon, { action, maxFreed, ignoreLiveness: false }, signal);
  }
  const { keepOutputs, keepDerivations } = settings;
  const output = new OrderedOutput(context.stderr);
  const tell = (line: string): void => {
    if (context.verbosity >= 0) output.line(printable(line));
  };
  const inFull = (names: readonly string[]): string[] =>
    names.map((name) => printStorePath(local.storeDir, name as StorePath)).sort();
  try {
    if (action !== 'delete-dead') {
      tell('finding garbage collector roots...');
      const options = { keepOutputs, keepDerivations, signal, purpose: 'list' as const };
      const { live, dead } = await local.queryLiveness(options);
      tell('determining live/dead paths...');
      const names = action === 'return-live' ? live : dead.map(({ name }) => name);
      return { paths: inFull(names), bytesFreed: 0 };
    }
    const { names, bytesFreed, failure } = await local.collectGarbage({
      keepOutputs,
      keepDerivations,
      maxFreed,
      signal,
      onEvent: (event) => {
        const line = lineOf(local, event);
        if (line !== undefined) tell(line);
      },
    });
    return { paths: inFull(names), bytesFreed, failure };
  } finally {
    await output.settled();
  }
}

/**
 * Deletes particular paths, and prints how many as Nix does, also where it fails.
 * @throws FerryError `conflict` where one of them is needed; `unsupported`
 */
export async function deleteAsNix(
  context: CommandContext,
  { settings }: Session,
  store: Store,
  paths: readonly StorePath[],
  { ignoreLiveness }: { readonly ignoreLiveness: boolean },
): Promise<void> {
  const { signal } = context;
  const local = asLocalStore(store);
  if (local === undefined) {
    const daemon = requireCollectingDaemon(store);
    const request = { action: 'delete-specific', paths, ignoreLiveness } as const;
    const garbage = ignoreLiveness
      ? { ...NOTHING, failure: notByDaemons() }
      : paths.length === 0
        ? NOTHING
        : await askDaemon(daemon, request, signal);
    await printGarbage(context, garbage, { isDryRun: false });
    return;
  }
  const output = new OrderedOutput(context.stderr);
  const onEvent = (event: DeleteEvent): void => {
    const line = lineOf(local, event);
    if (context.verbosity >= 0 && line !== undefined) output.line(line);
  };
  const { keepOutputs, keepDerivations } = settings;
  const keep = { keepOutputs, keepDerivations };
  const deleted = await local.deletePaths(paths, { ignoreLiveness, keep, signal, onEvent });
  await output.settled();
  await printGarbage(context, deleted, { isDryRun: false });
}

/** `12 store paths deleted, 3.4 MiB freed` */
export async function printFreed(
  { stdout }: CommandContext,
  count: number,
  bytesFreed: number,
): Promise<void> {
  await stdout.write(`${count} store paths deleted, ${nixSize(bytesFreed)} freed\n`);
}

/** What a collection did, or would have done; then it fails where that failed. */
export async function printGarbage(
  context: CommandContext,
  { paths, bytesFreed, failure }: Garbage,
  { isDryRun }: { readonly isDryRun: boolean },
): Promise<void> {
  if (isDryRun) await context.stdout.write(`${paths.length} store paths would be deleted\n`);
  else await printFreed(context, paths.length, bytesFreed);
  if (failure !== undefined) throw failure;
}

function notByDaemons(): FerryError {
  return new FerryError('unsupported', 'a daemon deletes nothing that is alive', {
    hint: 'run it on the machine itself, as root, with --store local',
  });
}

/** What it deleted before it failed a daemon doesn't say. */
async function askDaemon(
  daemon: DaemonStore,
  request: GarbageRequest,
  signal: AbortSignal,
): Promise<Garbage> {
  try {
    const { paths, bytesFreed } = await daemon.collectGarbage(request, { signal });
    return { paths: [...paths].sort(), bytesFreed };
  } catch (failure) {
    signal.throwIfAborted();
    return { ...NOTHING, failure };
  }
}

function lineOf({ storeDir }: LocalStore, event: CollectEvent | DeleteEvent): string | undefined {
  switch (event.type) {
    case 'waiting':
      return 'waiting for the big garbage collector lock...';
    case 'finding-roots':
      return 'finding garbage collector roots...';
    case 'removing-stale-link':
      return `removing stale link from "${event.link}" to "${event.target}"`;
    case 'unreadable-root':
      return `cannot read potential root "${event.link}"`;
    case 'invalid-root':
      return `skipping invalid root from "${event.link}" to "${printStorePath(storeDir, event.path)}"`;
    case 'deleting-garbage':
      return 'deleting garbage...';
    case 'deleting': {
      const name = 'path' in event ? event.path : (event.name as StorePath);
      return `deleting '${printStorePath(storeDir, name)}'`;
    }
    case 'deleted':
      return undefined;
    case 'limit-reached':
      return `deleted more than ${event.maxFreed} bytes; stopping`;
    case 'deleting-links':
      return 'deleting unused links...';
    case 'links-saving':
      return `note: hard linking is currently saving ${nixSize(event.bytes)}`;
  }
}
