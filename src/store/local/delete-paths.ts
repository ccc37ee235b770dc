/**
 * Deletes paths that were named, where nothing needs them; what they refer to stays. The lock of the garbage collector
 * is held meanwhile, as Nix holds it: `collect-garbage-lock.ts`.
 */
import { FerryError } from '../../error.ts';
import {
  hashPartOf,
  isDerivation,
  printStorePath,
  type StorePath,
} from '../../format/store-path.ts';
import type { CallOptions } from '../store.ts';
import type { CollectContext } from './collect-garbage.ts';
import type { Candidate } from './collect-garbage-candidates.ts';
import { removeUnusedLinks } from './collect-garbage-links.ts';
import type { KeepSettings } from './collect-garbage-liveness.ts';
import { lockCollector } from './collect-garbage-lock.ts';
import { makeRemover } from './collect-garbage-removal.ts';
import type { StoreQueries } from './queries.ts';
import { findRoots, findTempRoots } from './roots.ts';

export interface DeleteOptions extends CallOptions {
  /** Also what roots hold; not what other paths refer to. */
  readonly ignoreLiveness?: boolean | undefined;
  /**
   * What else needs a path, as Nix has it: a derivation its outputs, outputs their derivation. It counts for nothing
   * where liveness is ignored. Default: nothing else.
   */
  readonly keep?: KeepSettings | undefined;
  /** Something begins, in the order in which it happens. */
  readonly onEvent?: ((event: DeleteEvent) => void) | undefined;
}

export type DeleteEvent =
  /** Somebody else is deleting. */
  | { readonly type: 'waiting' }
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

/**
 * Paths are taken in their order; those that refer to one of them go before it. What is found to be needed ends it, and
 * is the `failure`: what was deleted by then stays deleted.
 */
export async function deletePaths(
  context: CollectContext,
  paths: Iterable<StorePath>,
  options: DeleteOptions = {},
): Promise<Deleted> {
  const { signal, onEvent } = options;
  const deleted = new Set<StorePath>();
  let bytesFreed = 0;
  const onWaiting = (): void => onEvent?.({ type: 'waiting' });
  await using lock = await lockCollector(context.store.flock, context, { signal, onWaiting });
  const { announced } = lock;
  onEvent?.({ type: 'finding-roots' });
  const wanted = new Set([...paths].sort());
  const isRoot = await rootsAmong(context, wanted, options);
  const kept: string[] = [];
  const remove = makeRemover(context, {
    announced,
    signal,
    onRemoving({ name }) {
      // Only paths are named.
      onEvent?.({ type: 'deleting', path: name as StorePath });
      deleted.add(name as StorePath);
    },
    onRemoved(_candidate, bytes) {
      bytesFreed += bytes;
    },
    onKept: ({ name }) => kept.push(name),
  });
  const isNeeded = (path: StorePath): boolean =>
    !wanted.has(path) || isRoot(path) || announced.has(path);
  const keep = options.ignoreLiveness === true ? undefined : options.keep;
  try {
    for (const path of wanted) {
      await remove(await withReferrers(context, path, { isNeeded, deleted, keep }));
      if (kept.length > 0) throw alive(context, path);
    }
  } catch (failure) {
    signal?.throwIfAborted();
    return { paths: [...deleted], bytesFreed, failure };
  }
  onEvent?.({ type: 'deleting-links' });
  const bytes = await removeUnusedLinks(context.realDir, { signal });
  onEvent?.({ type: 'links-saving', bytes });
  return { paths: [...deleted], bytesFreed };
}

/** Says whether something outside of the store holds a path. */
async function rootsAmong(
  context: CollectContext,
  wanted: ReadonlySet<StorePath>,
  { ignoreLiveness = false, signal }: DeleteOptions,
): Promise<(path: StorePath) => boolean> {
  const holders = findTempRoots(context.store.flock, context, { removeStale: true });
  const temporary = new Set(Array.from(holders.keys(), hashPartOf));
  const roots =
    ignoreLiveness || wanted.size === 0
      ? undefined
      : await findRoots(context, { signal, removeStale: true });
  return (path) => roots?.has(path) === true || temporary.has(hashPartOf(path));
}

interface Judgement {
  readonly isNeeded: (path: StorePath) => boolean;
  readonly deleted: ReadonlySet<StorePath>;
  readonly keep: KeepSettings | undefined;
}

/**
 * The path with all that refers to it, or needs it as settings say; each after what refers to it.
 * @throws FerryError `conflict` where one of them is needed
 */
async function withReferrers(
  context: CollectContext,
  start: StorePath,
  { isNeeded, deleted, keep }: Judgement,
): Promise<Candidate[]> {
  const { db, queries } = context.store;
  const group = new Map<StorePath, Needing>();
  const stack = [start];
  for (let path = stack.pop(); path !== undefined; path = stack.pop()) {
    if (deleted.has(path) || group.has(path)) continue;
    if (isNeeded(path)) throw alive(context, start);
    const asked = path;
    const needing = await db.read((): Needing & { others: StorePath[] } => ({
      isValid: queries.isValid(asked),
      referrers: queries.referrersOf(asked),
      others: keptWith(queries, asked, keep),
    }));
    group.set(path, needing);
    stack.push(...needing.referrers, ...needing.others);
  }
  return referrersFirst(group);
}

interface Needing {
  readonly isValid: boolean;
  readonly referrers: readonly StorePath[];
}

/** What keeps another without referring to it is of no matter to the order. */
function referrersFirst(group: ReadonlyMap<StorePath, Needing>): Candidate[] {
  const order: Candidate[] = [];
  const isMet = new Set<StorePath>();
  const stack: { readonly path: StorePath; readonly referrers: StorePath[] }[] = [];
  const open = (path: StorePath): void => {
    const needing = group.get(path);
    if (needing === undefined || isMet.has(path)) return;
    isMet.add(path);
    stack.push({ path, referrers: [...needing.referrers] });
  };
  for (const start of [...group.keys()].reverse()) {
    open(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const referrer = top.referrers.pop();
      if (referrer !== undefined) {
        open(referrer);
        continue;
      }
      const isValid = group.get(top.path)?.isValid === true;
      order.push(
        isValid
          ? { kind: 'path', name: top.path, narSize: 0 }
          : { kind: 'unregistered', name: top.path },
      );
      stack.pop();
    }
  }
  return order;
}

/** What needs a path without referring to it. */
function keptWith(
  queries: StoreQueries,
  path: StorePath,
  keep: KeepSettings | undefined,
): StorePath[] {
  const outputs =
    keep?.keepDerivations === true && isDerivation(path)
      ? queries.outputsOf(path).filter((output) => queries.infoOf(output)?.deriver === path)
      : [];
  return keep?.keepOutputs === true ? [...outputs, ...queries.deriversOf(path)] : outputs;
}

function alive({ storeDir }: CollectContext, path: StorePath): FerryError {
  const printed = printStorePath(storeDir, path);
  return new FerryError(
    'conflict',
    `Cannot delete path '${printed}' since it is still alive. To find out why, use: nix-store --query --roots and nix-store --query --referrers`,
    { path: printed },
  );
}
