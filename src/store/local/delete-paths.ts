/**
 * Deletes paths that nothing needs. The lock of the garbage collector is held meanwhile, as Nix holds it, so that no
 * root can appear: who adds a temporary one waits until it is over. Then a path goes out of the database first, and its
 * files after it: a crash leaves files that are not valid, never a valid path without files.
 */
import { closeSync, lstatSync, readdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { FerryError } from '../../error.ts';
import { hashPartOf, printStorePath, type StorePath } from '../../format/store-path.ts';
import { openLockFile, waitForLock } from '../../system/flock.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { CallOptions } from '../store.ts';
import type { WritableStore } from './connection.ts';
import { findRoots, findTempRoots, type RootLocations } from './roots.ts';

export interface DeleteOptions extends CallOptions {
  /** Also what roots hold; not what other paths refer to. */
  readonly ignoreLiveness?: boolean | undefined;
  /** Something begins, in the order in which it happens. */
  readonly onEvent?: ((event: DeleteEvent) => void) | undefined;
}

export type DeleteEvent =
  | { readonly type: 'finding-roots' }
  | { readonly type: 'deleting'; readonly path: StorePath }
  | { readonly type: 'deleting-links' }
  /** How much less room files take since equal ones share theirs. */
  | { readonly type: 'links-saving'; readonly bytes: number };

export interface Deleted {
  readonly paths: readonly StorePath[];
  /** An estimate: files that share their contents with others free nothing. */
  readonly bytesFreed: number;
  /** Why it ended before all were deleted. */
  readonly failure?: unknown;
}

export interface DeleteContext extends RootLocations {
  readonly workers: TreeWorkers;
  readonly store: WritableStore;
}

/** Nodes that are looked at before everything else gets its turn. */
const AT_ONCE = 1000;

/**
 * Paths are taken in their order; those that refer to one of them go before it. What is found to be needed ends it, and
 * is the `failure`: what was deleted by then stays deleted.
 */
export async function deletePaths(
  context: DeleteContext,
  paths: Iterable<StorePath>,
  options: DeleteOptions = {},
): Promise<Deleted> {
  const { signal, onEvent } = options;
  const { stateDir, store } = context;
  const deleted: StorePath[] = [];
  let bytesFreed = 0;
  // A full disk may leave no room for the database to note what is gone.
  rmSync(join(stateDir, 'db', 'reserved'), { force: true });
  const lock = openLockFile(join(stateDir, 'gc.lock'));
  try {
    await waitForLock(store.flock, lock, 'exclusive', signal);
    onEvent?.({ type: 'finding-roots' });
    const wanted = new Set([...paths].sort());
    const needed = await needOf(context, wanted, options);
    try {
      for (const path of wanted) {
        for (const dead of await deletionOrder(context, path, wanted, needed, new Set(deleted))) {
          signal?.throwIfAborted();
          onEvent?.({ type: 'deleting', path: dead });
          bytesFreed += await deleteOne(context, dead);
          deleted.push(dead);
        }
      }
    } catch (failure) {
      signal?.throwIfAborted();
      return { paths: deleted, bytesFreed, failure };
    }
    onEvent?.({ type: 'deleting-links' });
    const bytes = await deleteUnusedLinks(context, signal);
    onEvent?.({ type: 'links-saving', bytes });
    return { paths: deleted, bytesFreed };
  } finally {
    closeSync(lock);
  }
}

/** Says whether something outside of the store holds a path. */
type IsHeld = (path: StorePath) => boolean;

async function needOf(
  context: DeleteContext,
  wanted: ReadonlySet<StorePath>,
  { ignoreLiveness = false, signal }: DeleteOptions,
): Promise<IsHeld> {
  const temporary = findTempRoots(context.store.flock, context);
  const isTemporary: IsHeld = (path) => temporary.has(hashPartOf(path));
  if (ignoreLiveness || wanted.size === 0) return isTemporary;
  const roots = await findRoots(context, signal);
  return (path) => roots.has(path) || isTemporary(path);
}

/**
 * The path with all that refers to it, referrers first. None of them may be held or be one that wasn't named.
 * @throws FerryError `conflict`
 */
async function deletionOrder(
  { storeDir, store: { db, queries } }: DeleteContext,
  start: StorePath,
  wanted: ReadonlySet<StorePath>,
  isHeld: IsHeld,
  gone: ReadonlySet<StorePath>,
): Promise<StorePath[]> {
  const alive = (): FerryError => {
    const printed = printStorePath(storeDir, start);
    return new FerryError(
      'conflict',
      `Cannot delete path '${printed}' since it is still alive. To find out why, use: nix-store --query --roots and nix-store --query --referrers`,
      { path: printed },
    );
  };
  const order: StorePath[] = [];
  const state = new Map<StorePath, 'open' | 'done'>();
  const stack: { path: StorePath; referrers: StorePath[] }[] = [];
  const open = async (path: StorePath): Promise<void> => {
    if (gone.has(path) || state.has(path)) return;
    if (!wanted.has(path) || isHeld(path)) throw alive();
    state.set(path, 'open');
    const referrers = await db.read(() => queries.referrersOf(path));
    stack.push({ path, referrers });
  };
  await open(start);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const referrer = top.referrers.pop();
    if (referrer !== undefined) {
      await open(referrer);
      continue;
    }
    state.set(top.path, 'done');
    order.push(top.path);
    stack.pop();
  }
  return order;
}

/** @returns bytes that its files took */
async function deleteOne(context: DeleteContext, path: StorePath): Promise<number> {
  const { storeDir, realDir, workers, store } = context;
  const removal = store.db.statement('delete from ValidPaths where path = ?');
  // What refers to it would make it fail: then nothing was done yet.
  await store.db.transaction(() => removal.run(printStorePath(storeDir, path)));
  const tree = join(realDir, path);
  const bytes = await sizeOnDisk(tree);
  await workers.remove(tree);
  return bytes;
}

/** Of files that are here alone, or share their contents with their entry in `.links` alone. */
async function sizeOnDisk(tree: string): Promise<number> {
  let bytes = 0;
  let seen = 0;
  const stack = [Buffer.from(tree)];
  for (let path = stack.pop(); path !== undefined; path = stack.pop()) {
    if (++seen % AT_ONCE === 0) await breathe();
    try {
      const stat = lstatSync(path);
      if (!stat.isDirectory()) {
        if (stat.nlink <= 2) bytes += stat.size;
        continue;
      }
      for (const name of readdirSync(path, { encoding: 'buffer' })) {
        stack.push(Buffer.concat([path, Buffer.from('/'), name]));
      }
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) {
        throw translateOsError(error, 'measure', tree);
      }
    }
  }
  return bytes;
}

/** Entries that no path shares any more. @returns bytes that sharing saves */
async function deleteUnusedLinks(
  { realDir }: DeleteContext,
  signal: AbortSignal | undefined,
): Promise<number> {
  const links = join(realDir, '.links');
  let saved = 0;
  try {
    let seen = 0;
    for (const name of readdirSync(links)) {
      if (++seen % AT_ONCE === 0) {
        await breathe();
        signal?.throwIfAborted();
      }
      const link = join(links, name);
      const { nlink, size } = lstatSync(link);
      if (nlink === 1) unlinkSync(link);
      else saved += (nlink - 2) * size;
    }
    return saved - statSync(links).blocks * 512;
  } catch (error) {
    signal?.throwIfAborted();
    if (errnoOf(error) === 'ENOENT') return saved;
    throw translateOsError(error, 'remove unused links in', links);
  }
}
