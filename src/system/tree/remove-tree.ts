/** Removes trees as a store has them: read-only directories included, links never followed. */
import {
  closeSync,
  constants,
  type Dirent,
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
}

interface OpenDirectory {
  readonly path: ByteString;
  readonly entries: Dirent[];
}

/**
 * Nothing there is fine.
 * @throws FerryError `denied`, `conflict` where something new appears in it meanwhile
 */
export function removeTree(root: string, options: RemoveOptions = {}): void {
  const open: OpenDirectory[] = [];
  const begin = (path: ByteString, isDirectory: boolean): void => {
    options.checkpoint?.();
    const parent = open.at(-1)?.path;
    if (isDirectory) open.push({ path, entries: readEntries(path) });
    else removing(path, parent, () => unlinkSync(toPathLike(path)));
  };
  const path = utf8ByteString(root);
  const isDirectory = lstatSync(toPathLike(path), { throwIfNoEntry: false })?.isDirectory();
  if (isDirectory === undefined) return;
  begin(path, isDirectory);
  for (let directory = open.at(-1); directory !== undefined; directory = open.at(-1)) {
    const entry = directory.entries.pop();
    if (entry !== undefined) {
      begin(`${directory.path}/${entry.name}` as ByteString, entry.isDirectory());
      continue;
    }
    const { path } = directory;
    open.pop();
    removing(path, open.at(-1)?.path, () => rmdirSync(toPathLike(path)));
  }
}

function readEntries(path: ByteString): Dirent[] {
  const read = (): Dirent[] =>
    readdirSync(toPathLike(path), { encoding: 'latin1', withFileTypes: true });
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    if (errnoOf(error) !== 'EACCES') throw translateOsError(error, 'remove', displayPath(path));
    makeWritable(path);
    return read();
  }
}

/** Only where it fails is the directory made writable: root never needs it, and it costs three calls. */
function removing(path: ByteString, parent: ByteString | undefined, remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    if (errnoOf(error) !== 'EACCES' || parent === undefined) {
      throw translateOsError(error, 'remove', displayPath(path));
    }
    makeWritable(parent);
    remove();
  }
}

/** Through a descriptor: by its path a link that was put there meanwhile would be followed. */
function makeWritable(directory: ByteString): void {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  try {
    const fd = openSync(toPathLike(directory), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      fchmodSync(fd, 0o700);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw translateOsError(error, 'remove from', displayPath(directory));
  }
}
