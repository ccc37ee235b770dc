/**
 * GC roots: what keeps paths from being deleted. Links below `gcroots` and `profiles`, what running programs use, and the
 * temporary roots of live processes. (Nix manual, "Garbage Collector Roots".)
 */
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type Dirent,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import {
  hashPartOf,
  isStorePathBaseName,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import { closeAndRemoveLockFile, type Flock } from '../../system/flock.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import { runningPrograms } from './running-programs.ts';

export interface RootLocations {
  readonly storeDir: StoreDir;
  readonly realDir: string;
  readonly stateDir: string;
}

/** Paths with what holds them: the file of a link, or `{running}`. They need not be valid. */
export type Roots = Map<StorePath, string[]>;

/** A path in the store, as something outside of it mentions it. */
export type PathIn = (text: string) => StorePath | undefined;

/** Links within links within …: none of a healthy store goes as deep. */
const DEPTH_MAX = 100;

/** Links and running programs. Whoever deletes asks while nobody can add another: under the lock of the collector. */
export async function findRoots(locations: RootLocations, signal?: AbortSignal): Promise<Roots> {
  const { storeDir, realDir, stateDir } = locations;
  const roots: Roots = new Map();
  const pathIn: PathIn = (text) => within(storeDir, text) ?? within(realDir, text);
  const add = (path: StorePath, holder: string): void => {
    const holders = roots.get(path) ?? [];
    roots.set(path, holders);
    holders.push(holder);
  };
  for (const name of ['gcroots', 'profiles']) {
    await findLinks(join(stateDir, name), { pathIn, add, stateDir }, signal);
  }
  for await (const text of runningPrograms([storeDir, realDir])) {
    signal?.throwIfAborted();
    const path = pathIn(text);
    if (path !== undefined) add(path, '{running}');
  }
  return roots;
}

interface Search {
  readonly pathIn: PathIn;
  readonly add: (path: StorePath, holder: string) => void;
  readonly stateDir: string;
}

async function findLinks(
  top: string,
  search: Search,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stack: { directory: string; depth: number }[] = [{ directory: top, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    signal?.throwIfAborted();
    await breathe();
    const { directory, depth } = next;
    for (const entry of entriesOf(directory)) {
      const file = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (depth < DEPTH_MAX) stack.push({ directory: file, depth: depth + 1 });
      } else if (entry.isSymbolicLink()) {
        takeLink(file, search);
      } else if (entry.isFile() && isStorePathBaseName(entry.name)) {
        search.add(entry.name, file);
      }
    }
  }
}

/** A link into the store is a root; so is one to such a link, for as long as that is there. */
function takeLink(file: string, { pathIn, add }: Search): void {
  const target = readLink(file);
  if (target === undefined) return;
  const path = pathIn(target);
  if (path !== undefined) {
    add(path, file);
    return;
  }
  const indirect = resolve(dirname(file), target);
  const further = readLink(indirect);
  const indirectPath = further === undefined ? undefined : pathIn(further);
  if (indirectPath !== undefined) add(indirectPath, indirect);
}

/** What can't be read holds nothing: it may be anybody's. Only the database of roots itself must be legible. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return [];
    throw translateOsError(error, 'look for GC roots in', directory);
  }
}

function readLink(file: string): string | undefined {
  try {
    return lstatSync(file).isSymbolicLink() ? readlinkSync(file) : undefined;
  } catch {
    return undefined;
  }
}

/** `/nix/store/<path>/bin/x` → the path. */
function within(directory: string, text: string): StorePath | undefined {
  if (!text.startsWith(`${directory}/`)) return undefined;
  const rest = text.slice(directory.length + 1);
  const slash = rest.indexOf('/');
  const name = slash < 0 ? rest : rest.slice(0, slash);
  return isStorePathBaseName(name) ? name : undefined;
}

/**
 * The hash parts of what live processes hold by temporary roots. The files of processes that are gone are removed.
 * To be called under the lock of the collector: nobody adds another meanwhile.
 */
export function findTempRoots(flock: Flock, { storeDir, stateDir }: RootLocations): Set<string> {
  const held = new Set<string>();
  const directory = join(stateDir, 'temproots');
  for (const entry of entriesOf(directory)) {
    if (entry.name.startsWith('.') || !entry.isFile()) continue;
    const file = join(directory, entry.name);
    for (const text of readTempRoots(flock, file)) {
      const path = within(storeDir, text);
      if (path !== undefined) held.add(hashPartOf(path));
    }
  }
  return held;
}

function readTempRoots(flock: Flock, file: string): string[] {
  let fd: number;
  try {
    fd = openSync(file, 'r+');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw translateOsError(error, 'read temporary roots', file);
  }
  // Its owner holds the lock for as long as it lives.
  if (flock.tryLock(fd, 'exclusive')) {
    closeAndRemoveLockFile(fd, file);
    return [];
  }
  try {
    return readFileSync(fd, 'utf8').split('\0');
  } finally {
    closeSync(fd);
  }
}
