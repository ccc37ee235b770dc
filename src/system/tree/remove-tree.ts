/**
 * Removes trees as a store has them: read-only directories included, links never followed.
 *
 * In a store that builders may write to, what is removed may be somebody else's, who exchanges a directory for a link
 * while root goes through it. So every directory is held open, and what is in it is named by way of that descriptor:
 * `/proc/self/fd/<fd>/<name>` is to Linux what unlinkat(2) is, which Node lacks. Where there is no `/proc` (macOS) names
 * are all there is.
 */
import {
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fchmodSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { errnoOf, translateOsError } from '../os-error.ts';
import { displayPath, toPathLike } from './byte-path.ts';

export interface RemoveOptions {
  /** Called before every node; what it throws ends the removal halfway. */
  readonly checkpoint?: (() => void) | undefined;
  /**
   * Called with the size of each file that is there alone, or shares its contents with one other link, which in a store
   * is its entry in `.links`: an estimate, as Nix makes it.
   */
  readonly onFreed?: ((bytes: number) => void) | undefined;
}

interface OpenDirectory {
  /** For messages, and for its own removal. */
  readonly path: ByteString;
  readonly fd: number;
  /** What names in it are looked up below. */
  readonly base: ByteString;
  readonly entries: Dirent[];
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
const DESCRIPTORS = '/proc/self/fd';
let hasDescriptors: boolean | undefined;

/**
 * Nothing there is fine.
 * @throws FerryError `denied`, `conflict` where something new appears in it meanwhile
 */
export function removeTree(root: string, options: RemoveOptions = {}): void {
  const path = utf8ByteString(root);
  const isDirectory = translating(path, () =>
    lstatSync(toPathLike(path), { throwIfNoEntry: false }),
  )?.isDirectory();
  if (isDirectory === undefined) return;
  const open: OpenDirectory[] = [];
  try {
    removeAll(open, path, isDirectory, options);
  } finally {
    for (const { fd } of open) closeSync(fd);
  }
}

function removeAll(
  open: OpenDirectory[],
  root: ByteString,
  isDirectory: boolean,
  { checkpoint, onFreed }: RemoveOptions,
): void {
  const begin = (name: ByteString, isDirectory: boolean): void => {
    checkpoint?.();
    const parent = open.at(-1);
    const at = lookup(parent, name);
    const path = parent === undefined ? name : (`${parent.path}/${name}` as ByteString);
    const directory = isDirectory ? openDirectory(at, path) : undefined;
    if (directory !== undefined) {
      open.push(directory);
      return;
    }
    const bytes = onFreed === undefined ? 0 : bytesFreedBy(at);
    removing(path, parent, () => unlinkSync(toPathLike(at)));
    if (bytes > 0) onFreed?.(bytes);
  };
  begin(root, isDirectory);
  for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
    const entry = directory.entries.pop();
    if (entry !== undefined) {
      begin(entry.name as ByteString, entry.isDirectory());
      continue;
    }
    open.pop();
    closeSync(directory.fd);
    const parent = open.at(-1);
    const { path } = directory;
    const name = parent === undefined ? path : (path.slice(parent.path.length + 1) as ByteString);
    removing(path, parent, () => rmdirSync(toPathLike(lookup(parent, name))));
  }
}

function bytesFreedBy(file: ByteString): number {
  try {
    const stat = lstatSync(toPathLike(file));
    return stat.nlink > 2 ? 0 : stat.size;
  } catch {
    // Whether it can be removed is what counts.
    return 0;
  }
}

function lookup(parent: OpenDirectory | undefined, name: ByteString): ByteString {
  return parent === undefined ? name : (`${parent.base}/${name}` as ByteString);
}

/** Undefined where it is none any more. */
function openDirectory(at: ByteString, path: ByteString): OpenDirectory | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(toPathLike(at), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    hasDescriptors ??= existsSync(`${DESCRIPTORS}/${fd}`);
    const base = hasDescriptors ? (`${DESCRIPTORS}/${fd}` as ByteString) : path;
    const entries = readdirSync(toPathLike(base), { encoding: 'latin1', withFileTypes: true });
    return { path, fd, base, entries };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    // Whoever exchanged it has the link removed, not what it leads to; for what is gone, unlink says so again.
    if (['ENOTDIR', 'ELOOP', 'ENOENT'].includes(errnoOf(error) ?? '')) return undefined;
    throw translateOsError(error, 'remove', displayPath(path));
  }
}

/** Only where it fails is the directory made writable: root never needs it, and it costs a call. */
function removing(path: ByteString, parent: OpenDirectory | undefined, remove: () => void): void {
  translating(path, () => {
    try {
      remove();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return;
      if (errnoOf(error) !== 'EACCES' || parent === undefined) throw error;
      fchmodSync(parent.fd, 0o700);
      remove();
    }
  });
}

function translating<T>(path: ByteString, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw translateOsError(error, 'remove', displayPath(path));
  }
}
