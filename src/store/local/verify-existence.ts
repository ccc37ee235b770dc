/**
 * Which valid paths are there, as `nix-store --verify` finds out. What is gone and nobody needs goes out of the
 * database; of what is gone and needed that is told.
 *
 * Nix takes a path out though what refers to it stays, if that is gone too, which its database refuses, and ends there
 * (2.8 to 2.34). Here a path goes only after all that refers to it.
 */
import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { translateOsError } from '../../system/os-error.ts';
import type { WritableStore } from './connection.ts';
import { lockPath } from './path-lock.ts';

export interface ExistenceContext {
  readonly storeDir: StoreDir;
  readonly realDir: string;
  readonly store: WritableStore;
  /** Paths whose locks the process has that we work for. */
  readonly heldLocks: ReadonlySet<StorePath>;
}

export interface Existence {
  /** Valid, and there. */
  readonly present: readonly StorePath[];
  /** Gone, and valid all the same: something that is there refers to them. */
  readonly needed: readonly StorePath[];
}

/** @param onGone told of each path that is gone, and whether it is in the database no more */
export async function checkExistence(
  { storeDir, realDir, store, heldLocks }: ExistenceContext,
  onGone: (path: StorePath, isRemoved: boolean) => void,
  signal: AbortSignal | undefined,
): Promise<Existence> {
  const { db, queries, flock } = store;
  // The database first: what is added after this question may be there, but isn't missed.
  const valid = await db.read(() => queries.allPaths(), signal);
  const names = await namesIn(realDir);
  const gone = new Set(valid.filter((path) => !names.has(path)));
  const removal = db.statement('delete from ValidPaths where path = ?');
  const needed = new Set<StorePath>();
  /** @returns whether it is valid no more. */
  const remove = async (path: StorePath): Promise<boolean> => {
    // Whoever makes it anew, to repair it, has the lock.
    const lock = heldLocks.has(path)
      ? undefined
      : await lockPath(flock, join(realDir, path), signal);
    try {
      if (isThere(realDir, path)) {
        gone.delete(path);
        return false;
      }
      const isRemoved = await db.transaction(() => {
        if (queries.referrersOf(path).some((referrer) => referrer !== path)) return false;
        removal.run(printStorePath(storeDir, path));
        return true;
      }, signal);
      onGone(path, isRemoved);
      return isRemoved;
    } finally {
      lock?.release();
    }
  };
  for (const path of await referrersFirst(gone, store, signal)) {
    signal?.throwIfAborted();
    if (!(await remove(path)) && gone.has(path)) needed.add(path);
  }
  return { present: valid.filter((path) => !gone.has(path)), needed: [...needed] };
}

/** What refers to another one of them comes before it. */
async function referrersFirst(
  paths: ReadonlySet<StorePath>,
  { db, queries }: WritableStore,
  signal: AbortSignal | undefined,
): Promise<StorePath[]> {
  const order: StorePath[] = [];
  const seen = new Set<StorePath>();
  const stack: { readonly path: StorePath; readonly referrers: StorePath[] }[] = [];
  const open = async (path: StorePath): Promise<void> => {
    if (!paths.has(path) || seen.has(path)) return;
    seen.add(path);
    const referrers = await db.read(() => queries.referrersOf(path), signal);
    stack.push({ path, referrers: referrers.reverse() });
  };
  for (const start of paths) {
    await open(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const referrer = top.referrers.pop();
      if (referrer !== undefined) {
        await open(referrer);
        continue;
      }
      order.push(top.path);
      stack.pop();
    }
  }
  return order;
}

async function namesIn(realDir: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(realDir));
  } catch (error) {
    throw translateOsError(error, 'read', realDir);
  }
}

function isThere(realDir: string, path: StorePath): boolean {
  return lstatSync(join(realDir, path), { throwIfNoEntry: false }) !== undefined;
}
