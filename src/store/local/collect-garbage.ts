/**
 * The garbage collector. It holds the lock that Nix's takes, so that no root can appear unseen, and answers those who want
 * one meanwhile (`gc-socket.ts`): everybody may go on adding paths while it runs.
 */
import { hashPartOf, type StorePath } from '../../format/store-path.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { CallOptions } from '../store.ts';
import { candidates, namesInStore, type Candidate } from './collect-garbage-candidates.ts';
import { loadValidGraph, nodesOfHashPart, type ValidGraph } from './collect-garbage-graph.ts';
import { removeUnusedLinks } from './collect-garbage-links.ts';
import { Liveness, type KeepSettings } from './collect-garbage-liveness.ts';
import { lockCollector, type CollectorLock } from './collect-garbage-lock.ts';
import { makeRemover } from './collect-garbage-removal.ts';
import type { WritableStore } from './connection.ts';
import { findRoots, findTempRoots, type RootEvent, type RootLocations } from './roots.ts';

export interface CollectOptions extends CallOptions, KeepSettings {
  /** Bytes: once more than that are freed it ends. Absent: all there is. */
  readonly maxFreed?: number | undefined;
  /** Something begins or has happened, in that order. */
  readonly onEvent?: ((event: CollectEvent) => void) | undefined;
}

export type CollectEvent =
  | RootEvent
  /** Somebody else is collecting. */
  | { readonly type: 'waiting' }
  | { readonly type: 'finding-roots' }
  /** A root leads to what isn't valid. */
  | { readonly type: 'invalid-root'; readonly link: string; readonly path: StorePath }
  /** So much was found: paths and other things, and bytes of the NARs of those that are valid. */
  | { readonly type: 'deleting-garbage'; readonly count: number; readonly narSize: number }
  /** The name of something in the store directory, a path as a rule. */
  | { readonly type: 'deleting'; readonly name: string }
  | { readonly type: 'deleted'; readonly name: string; readonly bytesFreed: number }
  | { readonly type: 'limit-reached'; readonly maxFreed: number }
  | { readonly type: 'deleting-links' }
  /** How much less room files take since equal ones share theirs. */
  | { readonly type: 'links-saving'; readonly bytes: number };

export interface Collected {
  /** Names in the store directory: paths, and what was garbage without being one. */
  readonly names: readonly string[];
  /** An estimate: files that share their contents with others free nothing. */
  readonly bytesFreed: number;
  /** Why it ended before its end. */
  readonly failure?: unknown;
}

export interface CollectContext extends RootLocations {
  readonly workers: TreeWorkers;
  readonly store: WritableStore;
}

/** Paths that go out of the database at a time, and bytes of their NARs: who waits for one of them waits for all. */
const BATCH_PATHS = 128;
const BATCH_BYTES = 64 << 20;

/**
 * Deletes what nothing needs, until there is no more or enough is freed. A failure is told with what was deleted before
 * it.
 * @throws the signal's reason; FerryError `denied` where it can't begin
 */
export async function collectGarbage(
  context: CollectContext,
  options: CollectOptions,
): Promise<Collected> {
  const { signal, onEvent } = options;
  const onWaiting = (): void => onEvent?.({ type: 'waiting' });
  await using lock = await lockCollector(context.store.flock, context, { signal, onWaiting });
  const names: string[] = [];
  const freed = { bytes: 0 };
  try {
    await collectAll(context, lock, options, { names, freed });
    return { names, bytesFreed: freed.bytes };
  } catch (failure) {
    signal?.throwIfAborted();
    return { names, bytesFreed: freed.bytes, failure };
  }
}

async function collectAll(
  context: CollectContext,
  lock: CollectorLock,
  options: CollectOptions,
  { names, freed }: { readonly names: string[]; readonly freed: { bytes: number } },
): Promise<void> {
  const { signal, onEvent, maxFreed = Infinity } = options;
  onEvent?.({ type: 'finding-roots' });
  const found = await findLiveness(context, lock, options);
  const remove = makeRemover(context, {
    announced: lock.announced,
    signal,
    onRemoving({ name }) {
      onEvent?.({ type: 'deleting', name });
      names.push(name);
    },
    onRemoved({ name }, bytes) {
      freed.bytes += bytes;
      onEvent?.({ type: 'deleted', name, bytesFreed: bytes });
    },
    onKept: ({ name }) => found.keep(name),
  });
  if (maxFreed > 0) {
    if (onEvent !== undefined) onEvent({ type: 'deleting-garbage', ...sumOf(found.candidates()) });
    for (const batch of batches(found.candidates(), () => maxFreed - freed.bytes)) {
      await remove(batch);
      if (freed.bytes <= maxFreed) continue;
      onEvent?.({ type: 'limit-reached', maxFreed });
      break;
    }
  }
  onEvent?.({ type: 'deleting-links' });
  const bytes = await removeUnusedLinks(context.realDir, { signal });
  onEvent?.({ type: 'links-saving', bytes });
}

interface FoundLiveness {
  /** What may be deleted, as it is known when each is asked for. */
  candidates(): Iterable<Candidate>;
  /** Something has come to be needed. */
  keep(name: string): void;
}

async function findLiveness(
  context: CollectContext,
  { announced }: CollectorLock,
  options: CollectOptions,
): Promise<FoundLiveness> {
  const { storeDir, realDir, store } = context;
  const { signal, onEvent } = options;
  // Those that were there before the lock was taken; new ones are announced. They are looked for first: who makes a
  // path valid or a root for it, and ends, while this goes on, is seen here or leaves what is seen below.
  const holders = findTempRoots(store.flock, context, { removeStale: true });
  const temporary = new Set(Array.from(holders.keys(), hashPartOf));
  const graph = await loadValidGraph(store.db, storeDir, { signal });
  const names = await namesInStore(realDir, { signal });
  const roots = await findRoots(context, { signal, onEvent, removeStale: true });
  const liveness = new Liveness(graph, options);
  for (const [path, links] of roots) {
    const node = graph.numbers.get(path);
    if (node !== undefined) liveness.add([node]);
    else for (const link of links) onEvent?.({ type: 'invalid-root', link, path });
  }
  for (const hashPart of temporary) liveness.add(nodesOfHashPart(graph, hashPart));
  announced.limitTo(mattersAmong(graph, names));
  const isHeld = (path: StorePath): boolean =>
    temporary.has(hashPartOf(path)) || announced.has(path);
  return {
    *candidates() {
      for (const candidate of candidates(names, liveness, isHeld)) {
        if (candidate.kind === 'path' && announced.has(candidate.name)) {
          liveness.add(nodesOfHashPart(graph, hashPartOf(candidate.name)));
        } else {
          yield candidate;
        }
      }
    },
    keep(name) {
      const node = graph.numbers.get(name as StorePath);
      if (node !== undefined) liveness.add([node]);
    },
  };
}

function sumOf(all: Iterable<Candidate>): { count: number; narSize: number } {
  let count = 0;
  let narSize = 0;
  for (const candidate of all) {
    count++;
    if (candidate.kind === 'path') narSize += candidate.narSize;
  }
  return { count, narSize };
}

/** Whether there is something with a hash part. */
function mattersAmong(graph: ValidGraph, names: readonly string[]): (hashPart: string) => boolean {
  const hashParts = new Set([...graph.paths, ...names].map((name) => name.slice(0, 32)));
  return (hashPart) => hashParts.has(hashPart);
}

/** A few at a time; those that would free too much one by one, so that it ends as soon as it can. */
function* batches(
  all: Iterable<Candidate>,
  room: () => number,
): Generator<readonly Candidate[], void, void> {
  let batch: Candidate[] = [];
  let bytes = 0;
  for (const candidate of all) {
    // How much is in what isn't registered shows when it is gone.
    const most = candidate.kind === 'path' ? candidate.narSize : room() === Infinity ? 0 : Infinity;
    const isFull = batch.length >= BATCH_PATHS || bytes + most > Math.min(BATCH_BYTES, room());
    if (isFull && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(candidate);
    bytes += most;
  }
  if (batch.length > 0) yield batch;
}
