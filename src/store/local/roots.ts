/**
 * GC roots: what keeps paths from being deleted. Links below `gcroots` and `profiles`, what running programs use, and the
 * temporary roots of live processes. (Nix manual, "Garbage Collector Roots".)
 *
 * Names are bytes while they are followed: a link whose name, or target, is no UTF-8 is a root like any other.
 */
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  unlinkSync,
  type Dirent,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { fromByteString, utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { isStorePathBaseName, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { closeAndRemoveLockFile, type Flock } from '../../system/flock.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import { displayPath, toPathLike } from '../../system/tree/byte-path.ts';
import type { CallOptions } from '../store.ts';
import { runningPrograms } from './running-programs.ts';

export interface RootLocations {
  readonly storeDir: StoreDir;
  readonly realDir: string;
  readonly stateDir: string;
}

/**
 * Paths with what holds them, as Nix names it: the file of a link, `/proc/123/environ` for a running program,
 * `{temp:123}` for a temporary root of a process. They need not be valid.
 */
export type Roots = Map<StorePath, Set<string>>;

export interface FindRootsOptions extends CallOptions {
  /**
   * `list` finds what Nix finds. `delete` never finds less, and more where that is safer: also who uses a path under the
   * name that its files have on this machine, and it ends where a directory of roots can't be read. Default `delete`.
   */
  readonly purpose?: 'list' | 'delete' | undefined;
  /** Whether links in `gcroots/auto` to what is gone are removed, as Nix does. Default false. */
  readonly removeStale?: boolean | undefined;
  readonly onEvent?: ((event: RootEvent) => void) | undefined;
}

export type RootEvent =
  | { readonly type: 'removing-stale-link'; readonly link: string; readonly target: string }
  | { readonly type: 'unreadable-root'; readonly link: string };

/** Links within links within …: none of a healthy store goes as deep. */
const DEPTH_MAX = 100;
/** What Nix, too, takes for no root rather than for an error. */
const UNREADABLE = ['EACCES', 'ENOENT', 'ENOTDIR'];

/** Links and running programs. Whoever deletes asks while nobody can add another: under the lock of the collector. */
export async function findRoots(
  locations: RootLocations,
  options: FindRootsOptions = {},
): Promise<Roots> {
  const { storeDir, realDir, stateDir } = locations;
  const { signal } = options;
  const directories = (options.purpose === 'list' ? [storeDir] : [storeDir, realDir]).map(
    utf8ByteString,
  );
  const state = utf8ByteString(stateDir);
  const search = new RootSearch(directories, joined(state, 'gcroots/auto'), options);
  for (const name of ['gcroots', 'profiles']) await search.takeLinksBelow(joined(state, name));
  for await (const { text, holder } of runningPrograms(directories)) {
    signal?.throwIfAborted();
    search.take(text, utf8ByteString(holder));
  }
  return search.roots;
}

class RootSearch {
  readonly roots: Roots = new Map();
  readonly #directories: readonly ByteString[];
  readonly #auto: ByteString;
  readonly #options: FindRootsOptions;

  constructor(directories: readonly ByteString[], auto: ByteString, options: FindRootsOptions) {
    this.#directories = directories;
    this.#auto = auto;
    this.#options = options;
  }

  /** @returns whether the text is a path in the store, or below one. */
  take(text: ByteString, holder: ByteString): boolean {
    for (const directory of this.#directories) {
      if (!text.startsWith(`${directory}/`)) continue;
      const path = pathWithin(directory, text);
      if (path !== undefined) addRoot(this.roots, path, textOf(holder));
      return true;
    }
    return false;
  }

  async takeLinksBelow(top: ByteString): Promise<void> {
    const { signal } = this.#options;
    const stack: { directory: ByteString; depth: number }[] = [{ directory: top, depth: 0 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      signal?.throwIfAborted();
      await breathe();
      const { directory, depth } = next;
      for (const entry of this.#entriesOf(directory)) {
        const file = joined(directory, entry.name);
        if (entry.isDirectory()) {
          if (depth < DEPTH_MAX) stack.push({ directory: file, depth: depth + 1 });
        } else if (entry.isSymbolicLink()) {
          this.#takeLink(file);
        } else if (entry.isFile() && isStorePathBaseName(entry.name)) {
          addRoot(this.roots, entry.name, textOf(file));
        }
      }
    }
  }

  /** A link into the store is a root; so is one to such a link, for as long as that is there. */
  #takeLink(file: ByteString): void {
    try {
      const target = targetOf(file);
      if (this.take(target, file)) return;
      const indirect = resolve(dirname(file), target) as ByteString;
      const stat = statOf(indirect);
      if (stat === undefined) this.#dropStale(file, indirect);
      else if (stat.isSymbolicLink()) this.take(targetOf(indirect), indirect);
    } catch (error) {
      if (!UNREADABLE.includes(errnoOf(error) ?? '')) {
        throw translateOsError(error, 'read the GC root', displayPath(file));
      }
      this.#options.onEvent?.({ type: 'unreadable-root', link: textOf(file) });
    }
  }

  #dropStale(link: ByteString, target: ByteString): void {
    const { removeStale = false, onEvent } = this.#options;
    if (!removeStale || !link.startsWith(`${this.#auto}/`)) return;
    onEvent?.({ type: 'removing-stale-link', link: textOf(link), target: textOf(target) });
    try {
      unlinkSync(toPathLike(link));
    } catch {
      // It holds nothing, whether it is there or not.
    }
  }

  #entriesOf(directory: ByteString): Dirent[] {
    try {
      return readdirSync(toPathLike(directory), { encoding: 'latin1', withFileTypes: true });
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      const isGone = errno === 'ENOENT' || errno === 'ENOTDIR';
      // Who can't see all the roots must not delete what they hold.
      if (!isGone && !(this.#options.purpose === 'list' && errno === 'EACCES')) {
        throw translateOsError(error, 'look for GC roots in', displayPath(directory));
      }
      if (!isGone) this.#options.onEvent?.({ type: 'unreadable-root', link: textOf(directory) });
      return [];
    }
  }
}

function addRoot(roots: Roots, path: StorePath, holder: string): void {
  const holders = roots.get(path) ?? new Set();
  roots.set(path, holders);
  holders.add(holder);
}

/** `/nix/store/<path>/bin/x` → the path. */
function pathWithin(directory: string, text: string): StorePath | undefined {
  if (!text.startsWith(`${directory}/`)) return undefined;
  const rest = text.slice(directory.length + 1);
  const slash = rest.indexOf('/');
  const name = slash < 0 ? rest : rest.slice(0, slash);
  return isStorePathBaseName(name) ? name : undefined;
}

function joined(directory: ByteString, name: string): ByteString {
  return join(directory, name) as ByteString;
}

function targetOf(link: ByteString): ByteString {
  return readlinkSync(toPathLike(link), 'latin1') as ByteString;
}

/** As people and Nix's protocol have it. */
function textOf(name: ByteString): string {
  return Buffer.from(fromByteString(name)).toString('utf8');
}

/** @throws what the system says, but where nothing is there. */
function statOf(file: ByteString): ReturnType<typeof lstatSync> | undefined {
  try {
    return lstatSync(toPathLike(file));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}

export interface TempRootsOptions {
  /** Whether the files of processes that are gone are removed, as Nix does. */
  readonly removeStale: boolean;
}

/**
 * What live processes hold by temporary roots: each holds all that has the same hash part, lock files and what is being
 * unpacked among it. Whoever deletes asks under the lock of the collector: nobody adds another meanwhile without telling
 * it.
 */
export function findTempRoots(
  flock: Flock,
  { storeDir, stateDir }: RootLocations,
  options: TempRootsOptions,
): Roots {
  const roots: Roots = new Map();
  const directory = join(stateDir, 'temproots');
  for (const name of namesIn(directory)) {
    // Some package managers put hidden files where a directory must not be empty.
    if (name.startsWith('.')) continue;
    for (const text of readTempRoots(flock, join(directory, name), options)) {
      const path = pathWithin(storeDir, text);
      if (path !== undefined) addRoot(roots, path, `{temp:${name}}`);
    }
  }
  return roots;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw translateOsError(error, 'look for temporary roots in', directory);
  }
}

function readTempRoots(flock: Flock, file: string, { removeStale }: TempRootsOptions): string[] {
  let fd: number;
  try {
    fd = openSync(file, removeStale ? 'r+' : 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw translateOsError(error, 'read temporary roots', file);
  }
  // Its owner holds the lock for as long as it lives.
  if (flock.tryLock(fd, 'exclusive')) {
    if (removeStale) closeAndRemoveLockFile(fd, file);
    else closeSync(fd);
    return [];
  }
  try {
    // What is not ended by a zero is just being written: it counts once its writer has the answer.
    return readFileSync(fd, 'utf8').split('\0').slice(0, -1);
  } finally {
    closeSync(fd);
  }
}
