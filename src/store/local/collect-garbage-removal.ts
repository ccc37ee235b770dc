/**
 * Takes paths out of a store: out of the database first, in one transaction for several, and then their files. A crash
 * leaves files that are not valid, never a valid path without files. This is the only place where a valid path is taken
 * away on purpose.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Flock } from '../../system/flock.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { Candidate } from './collect-garbage-candidates.ts';
import type { WritableStore } from './connection.ts';
import type { AnnouncedRoots } from './gc-socket.ts';

const SQLITE_CONSTRAINT = 19;

export interface RemovalContext {
  readonly realDir: string;
  readonly workers: TreeWorkers;
  readonly store: WritableStore;
}

export interface RemovalOptions {
  readonly announced: AnnouncedRoots;
  /** Its files are going to be removed; it isn't valid any more. */
  readonly onRemoving: (candidate: Candidate) => void;
  /** They are gone, and gave so many bytes free. */
  readonly onRemoved: (candidate: Candidate, bytes: number) => void;
  /** Somebody has come to need it since: it stays, and so must what it needs. */
  readonly onKept: (candidate: Candidate) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes what nobody has come to need since, each after what refers to it. The caller holds the lock of the collector.
 * When this returns or throws nothing is being removed any more.
 * @throws FerryError `denied`, `conflict`; the signal's reason. What wasn't removed by then isn't valid, and garbage.
 */
export type Remove = (wanted: readonly Candidate[]) => Promise<void>;

export function makeRemover(context: RemovalContext, options: RemovalOptions): Remove {
  const { announced, signal } = options;
  const invalidate = makeInvalidator(context, options);
  return async (wanted) => {
    const waiting = new Set(await invalidate(wanted));
    const stop = new AbortController();
    const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    const width = Math.min(context.workers.width, waiting.size);
    const work = async (): Promise<void> => {
      for (let next = pick(waiting, announced); next !== undefined; ) {
        if (either.aborted) return;
        waiting.delete(next);
        try {
          await removeOne(context, next, options, either);
        } catch (error) {
          stop.abort(error);
        } finally {
          endOf(next, announced);
        }
        next = pick(waiting, announced);
      }
    };
    await Promise.all(Array.from({ length: width }, work));
    for (const candidate of waiting) endOf(candidate, announced);
    signal?.throwIfAborted();
    stop.signal.throwIfAborted();
  };
}

/** What somebody waits for goes first. */
function pick(waiting: ReadonlySet<Candidate>, announced: AnnouncedRoots): Candidate | undefined {
  if (announced.hasWaiting) {
    for (const candidate of waiting) {
      if (candidate.kind !== 'other' && announced.isAwaited(candidate.name)) return candidate;
    }
  }
  const [first] = waiting;
  return first;
}

function endOf(candidate: Candidate, announced: AnnouncedRoots): void {
  if (candidate.kind !== 'other') announced.end(candidate.name);
}

/**
 * Takes paths out of the database; whoever announces one of them from then on waits until its files are gone.
 * @returns (from what it returns) those whose files may go
 */
function makeInvalidator(
  { store: { db, queries } }: RemovalContext,
  { announced, onKept, signal }: RemovalOptions,
): (wanted: readonly Candidate[]) => Promise<readonly Candidate[]> {
  const referrers = db.query<[number]>(
    'select 1 from Refs where reference = ? and referrer <> reference limit 1',
  );
  const remove = db.statement('delete from ValidPaths where id = ?');

  /** Whether it is out of the database now, or never was in it. */
  const invalidate = (candidate: Exclude<Candidate, { kind: 'other' }>): boolean => {
    if (announced.has(candidate.name)) return false;
    const id = queries.idOf(candidate.name);
    if (id === undefined) return true;
    // A row, or a referrer, that has come since is somebody's who knows why.
    if (candidate.kind === 'unregistered' || referrers.get(id) !== undefined) return false;
    return isRemoved(() => remove.run(id));
  };

  return async (wanted) => {
    const going = new Set<Candidate>();
    const takeBack = (): void => {
      for (const candidate of going) endOf(candidate, announced);
      going.clear();
    };
    const takeAll = (): void => {
      // It may run more than once.
      takeBack();
      for (const candidate of wanted) {
        if (candidate.kind === 'other') {
          going.add(candidate);
        } else if (invalidate(candidate)) {
          going.add(candidate);
          announced.begin(candidate.name);
        }
      }
    };
    try {
      if (wanted.every(({ kind }) => kind === 'other')) takeAll();
      else await db.transaction(takeAll, signal);
    } catch (error) {
      takeBack();
      throw error;
    }
    for (const candidate of wanted) if (!going.has(candidate)) onKept(candidate);
    return [...going];
  };
}

/** What tables of other releases refer to stays: those we don't know, the database knows. */
function isRemoved(remove: () => void): boolean {
  try {
    remove();
    return true;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = cause instanceof Error && 'errcode' in cause ? cause.errcode : undefined;
    if (typeof code === 'number' && (code & 0xff) === SQLITE_CONSTRAINT) return false;
    throw error;
  }
}

async function removeOne(
  { realDir, workers, store: { flock } }: RemovalContext,
  candidate: Candidate,
  { onRemoving, onRemoved }: RemovalOptions,
  signal: AbortSignal,
): Promise<void> {
  const hold = candidate.kind === 'other' ? holdTemporary(flock, realDir, candidate.name) : 'free';
  if (hold === 'in use') return;
  try {
    onRemoving(candidate);
    let freed = 0;
    const onFreed = (bytes: number): void => {
      freed = bytes;
    };
    await workers.remove(join(realDir, candidate.name), { onFreed, signal });
    onRemoved(candidate, freed);
  } finally {
    if (typeof hold === 'number') closeSync(hold);
  }
}

/**
 * Directories in which something is being made (`tmp-1234-0`) are locked by who is at work there.
 * @returns a descriptor with the lock, which the caller closes; or whether it is used, or nothing that can be
 */
function holdTemporary(flock: Flock, realDir: string, name: string): number | 'in use' | 'free' {
  if (!name.startsWith('tmp-')) return 'free';
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  let fd: number;
  try {
    fd = openSync(join(realDir, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch {
    // No directory: nobody would be at work in it, but Nix leaves it, too.
    return 'in use';
  }
  if (flock.tryLock(fd, 'exclusive')) return fd;
  closeSync(fd);
  return 'in use';
}

/** Whether somebody is at work in it; nothing is held when this has answered. */
export function isTemporaryInUse(flock: Flock, realDir: string, name: string): boolean {
  const hold = holdTemporary(flock, realDir, name);
  if (typeof hold === 'number') closeSync(hold);
  return hold === 'in use';
}
