/**
 * Tells a visitor of a tree as it lies on disk, as its NAR would. Synchronous, with one buffer for all contents: made
 * for a thread of its own, where it is many times faster than a promise for each file.
 */
import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { FerryError } from '../../error.ts';
import { narDepthMax, type NarVisitor } from '../../format/nar/visitor.ts';
import { translateOsError } from '../os-error.ts';
import { displayPath, toPathLike } from './byte-path.ts';

export interface WalkOptions {
  /** Called before every node and every piece of contents; what it throws ends the walk. */
  readonly checkpoint?: (() => void) | undefined;
}

/** Contents are read in pieces of this size: large enough to be cheap, small enough to stay in the cache. */
const READ_SIZE = 256 * 1024;
const OWNER_EXECUTE = 0o100;
/** Follows no link, and waits for no writer should a pipe be there by now. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * A root that is a link is told of as one; only directories above it are resolved.
 * @throws FerryError `not-found`, `denied`; `unsupported` for sockets, devices and pipes and for what is nested deeper
 * than an archive may be; `conflict` when a file changes while it is read.
 */
export function walkTree(root: string, visitor: NarVisitor, options: WalkOptions = {}): void {
  walkTreeAt(utf8ByteString(root), visitor, options);
}

/** The same for a root whose name is bytes. */
export function walkTreeAt(path: ByteString, visitor: NarVisitor, options: WalkOptions = {}): void {
  const stats = onPath('read', path, () => lstatSync(toPathLike(path)));
  const buffer = spareBuffer ?? new Uint8Array(READ_SIZE);
  spareBuffer = undefined;
  try {
    const walk = new Walk(buffer, visitor, options.checkpoint);
    walk.node(path, '' as ByteString, stats);
    walk.rest();
  } finally {
    spareBuffer = buffer;
  }
}

/** Kept for the next walk, unless one is going on: a thread walks thousands of small trees. */
let spareBuffer: Uint8Array | undefined;

interface OpenDirectory {
  readonly path: ByteString;
  readonly entries: readonly Dirent[];
  next: number;
}

class Walk {
  readonly #visitor: NarVisitor;
  readonly #checkpoint: (() => void) | undefined;
  readonly #buffer: Uint8Array;
  readonly #open: OpenDirectory[] = [];

  constructor(buffer: Uint8Array, visitor: NarVisitor, checkpoint: (() => void) | undefined) {
    this.#buffer = buffer;
    this.#visitor = visitor;
    this.#checkpoint = checkpoint;
  }

  /** Everything below the directory that `node` opened, if it was one. */
  rest(): void {
    for (;;) {
      const directory = this.#open.at(-1);
      if (directory === undefined) return;
      const entry = directory.entries[directory.next];
      if (entry === undefined) {
        this.#visitor.leave();
        this.#open.pop();
      } else {
        directory.next += 1;
        const name = entry.name as ByteString;
        this.node(`${directory.path}/${name}` as ByteString, name, entry);
      }
    }
  }

  node(path: ByteString, name: ByteString, type: Dirent | Stats): void {
    this.#checkpoint?.();
    if (type.isFile()) {
      this.#file(path, name);
    } else if (type.isDirectory()) {
      this.#directory(path, name);
    } else if (type.isSymbolicLink()) {
      const target = onPath('read', path, () => readlinkSync(toPathLike(path), 'latin1'));
      this.#visitor.symlink(name, target as ByteString);
    } else {
      throw unsupported(path, `it is ${describeType(type)}`);
    }
  }

  #directory(path: ByteString, name: ByteString): void {
    if (this.#open.length > narDepthMax) {
      throw unsupported(path, `it is nested deeper than ${narDepthMax} directories`);
    }
    const entries = onPath('read', path, () =>
      readdirSync(toPathLike(path), { encoding: 'latin1', withFileTypes: true }),
    );
    // One character is one byte, so that this is the order of bytes; mostly they come in it already.
    if (!isSorted(entries)) entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#visitor.directory(name);
    this.#open.push({ path, entries, next: 0 });
  }

  #file(path: ByteString, name: ByteString): void {
    const fd = onPath('read', path, () => openSync(toPathLike(path), READ_FLAGS));
    try {
      const stats = fstatSync(fd);
      if (!stats.isFile()) throw changed(path);
      const { size } = stats;
      this.#visitor.file(name, { executable: (stats.mode & OWNER_EXECUTE) !== 0, size });
      if (size > 0) this.#contents(fd, path, size);
      this.#visitor.endFile();
    } finally {
      closeSync(fd);
    }
  }

  #contents(fd: number, path: ByteString, size: number): void {
    for (let left = size; left > 0; ) {
      const count = onPath('read', path, () => readSync(fd, this.#buffer));
      // One byte too many shows a file that grew, none one that shrank.
      if (count === 0 || count > left) throw changed(path);
      this.#visitor.data(this.#buffer.subarray(0, count));
      left -= count;
      if (left > 0) this.#checkpoint?.();
    }
  }
}

function isSorted(entries: readonly Dirent[]): boolean {
  return entries.every((entry, i) => i === 0 || (entries[i - 1] as Dirent).name < entry.name);
}

function onPath<T>(doing: string, path: ByteString, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translateOsError(error, doing, displayPath(path));
  }
}

function changed(path: ByteString): FerryError {
  const shown = displayPath(path);
  return new FerryError('conflict', `cannot read "${shown}": it changed while it was read`, {
    path: shown,
  });
}

function unsupported(path: ByteString, problem: string): FerryError {
  const shown = displayPath(path);
  return new FerryError('unsupported', `cannot pack "${shown}": ${problem}`, {
    path: shown,
    hint: 'archives hold files, directories and symlinks, nested at most 63 deep',
  });
}

/** What it is, where that is neither a file nor a directory nor a link. */
export function describeType(type: Dirent | Stats): string {
  if (type.isFIFO()) return 'a pipe';
  if (type.isSocket()) return 'a socket';
  if (type.isBlockDevice() || type.isCharacterDevice()) return 'a device';
  return 'of an unknown type';
}
