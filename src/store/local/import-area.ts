/**
 * Where an import unpacks paths whose names it doesn't know yet: beside the paths, under names of its own. All begin
 * with one hash part that no path has, and that is a temporary root: so no garbage collector takes them, of whatever
 * release of Nix, as long as this process lives. A lock tells whether it does; what the dead left is removed by the
 * next import, or by any garbage collector.
 */
import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeNix32 } from '../../bytes/nix32.ts';
import { crypto } from '../../format/crypto.ts';
import { hashPartLength, type StorePath } from '../../format/store-path.ts';
import { unlessAborted } from '../../system/pause.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { WritableStore } from './connection.ts';
import { tryLockPath } from './path-lock.ts';

export interface ImportArea extends AsyncDisposable {
  /** Where the next tree may be made: nothing is there. */
  nextTarget(): string;
}

interface AreaContext {
  readonly store: WritableStore;
  readonly realDir: string;
  readonly workers: TreeWorkers;
}

const NAME = 'importing.ferry';
const LOCK = `-${NAME}.lock`;
/** Bytes of a hash part. */
const HASH_BYTES = 20;

/** Use as `await using area = await openImportArea(context)`. What lies in it at the end is left there. */
export async function openImportArea(
  context: AreaContext,
  signal?: AbortSignal,
): Promise<ImportArea> {
  const { store, realDir } = context;
  const hashPart = encodeNix32(crypto().randomBytes(HASH_BYTES));
  const name = `${hashPart}-${NAME}` as StorePath;
  // First of all: from now on nobody collects what has that hash part.
  await store.tempRoots.add([name], signal);
  const lock = tryLockPath(store.flock, join(realDir, name));
  // Whoever tidies up may have come between the making of the file and its lock.
  if (lock === undefined) return await openImportArea(context, signal);
  const tidied = removeDeadAreas(context).catch(() => {
    // It is in nobody's way: the next import, or garbage collection, removes it.
  });
  let count = 0;
  return {
    nextTarget: () => join(realDir, `${hashPart}-${count++}-${NAME}`),
    async [Symbol.asyncDispose]() {
      // Who was told to stop doesn't wait for what others left.
      await unlessAborted(tidied, signal).catch(() => {});
      lock.release();
    },
  };
}

async function removeDeadAreas({ store, realDir, workers }: AreaContext): Promise<void> {
  const names = await readdir(realDir);
  const alike = names.filter((name) => name.endsWith(LOCK) || name.endsWith(`-${NAME}`));
  // Somebody may have given a path of his such a name.
  const ours = alike.filter((name) => !store.queries.isValid(name as StorePath));
  for (const name of ours.filter((each) => isLockOfArea(realDir, each))) {
    const area = join(realDir, name.slice(0, -'.lock'.length));
    const lock = tryLockPath(store.flock, area);
    if (lock === undefined) continue;
    try {
      const begin = name.slice(0, hashPartLength + 1);
      const left = ours.filter((other) => other.startsWith(begin) && !other.endsWith(LOCK));
      for (const tree of left) await workers.remove(join(realDir, tree));
    } finally {
      lock.release();
    }
  }
}

/** A file with something in it would be waited for without end: so says a lock that it is none any more. */
function isLockOfArea(realDir: string, name: string): boolean {
  if (!name.endsWith(LOCK) || name.length !== hashPartLength + LOCK.length) return false;
  const stat = lstatSync(join(realDir, name), { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.size === 0;
}
