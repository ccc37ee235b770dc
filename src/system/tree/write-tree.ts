/**
 * Writes a tree to disk while a visitor is told of it. By default with the metadata that everything in a store has
 * (modes 0444 and 0555, modification time one second after 1970), set on the way: a second pass over the tree would
 * cost as much again.
 *
 * Nothing outside the target is ever touched: every node is made anew (`O_EXCL`, mkdir), in a directory that was made
 * just before, under a name that the decoder checked. A link is only ever the last part of a path, and not followed.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { FerryError } from '../../error.ts';
import type { NarFile, NarVisitor } from '../../format/nar/visitor.ts';
import { errnoOf, translateOsError } from '../os-error.ts';
import { displayPath, toPathLike } from './byte-path.ts';

export interface TreeWriterOptions {
  /** Metadata as in a store. Otherwise modes are 0644 and 0755, whatever the umask, and times are now. */
  readonly canonical?: boolean | undefined;
  /** Whether files and directories are forced to the disk. The directory that holds the target is the caller's. */
  readonly sync?: boolean | undefined;
  /** Called with the target as soon as it exists, before anything is below it: to take inherited attributes off. */
  readonly onCreated?: ((path: string) => void) | undefined;
}

/** Seconds since 1970. */
const CANONICAL_TIME = 1;
const WRITE_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PERMISSIONS = 0o7777;

/** Of a directory while it is filled. */
const OPEN_MODE = 0o755;

interface Modes {
  readonly file: number;
  readonly executable: number;
  readonly directory: number;
}

const CANONICAL_MODES: Modes = { file: 0o444, executable: 0o555, directory: 0o555 };
const PLAIN_MODES: Modes = { file: 0o644, executable: 0o755, directory: 0o755 };

export class TreeWriter implements NarVisitor, Disposable {
  readonly #target: string;
  readonly #canonical: boolean;
  readonly #sync: boolean;
  readonly #onCreated: ((path: string) => void) | undefined;
  readonly #modes: Modes;
  readonly #now = Date.now() / 1000;
  readonly #open: ByteString[] = [];
  #fd = -1;
  #path = '' as ByteString;
  #isCreated = false;
  /** Modes that files get although they were asked for with another, by that mode: the umask and the like. */
  readonly #needsChmod = new Map<number, boolean>();

  /** Nothing may be at `target`, and its directory must exist. */
  constructor(target: string, options: TreeWriterOptions = {}) {
    const { canonical = true, sync = false, onCreated } = options;
    this.#target = target;
    this.#canonical = canonical;
    this.#sync = sync;
    this.#onCreated = onCreated;
    this.#modes = canonical ? CANONICAL_MODES : PLAIN_MODES;
  }

  /** Whether there is something at the target that was made here: after a failure it is the caller's to remove. */
  get isCreated(): boolean {
    return this.#isCreated;
  }

  directory(name: ByteString): void {
    const path = this.#pathOf(name);
    this.#create(path, () => mkdirSync(toPathLike(path), OPEN_MODE));
    this.#open.push(path);
  }

  leave(): void {
    const path = this.#open.pop();
    if (path === undefined) throw new FerryError('internal', 'left a directory that is not open');
    const target = toPathLike(path);
    onPath('finish', path, () => {
      chmodSync(target, this.#modes.directory);
      if (this.#canonical) utimesSync(target, this.#now, CANONICAL_TIME);
      if (this.#sync) syncDirectory(path);
    });
  }

  file(name: ByteString, file: NarFile): void {
    const path = this.#pathOf(name);
    const mode = file.executable ? this.#modes.executable : this.#modes.file;
    this.#path = path;
    this.#create(path, () => {
      this.#fd = openSync(toPathLike(path), WRITE_FLAGS, mode);
    });
    if (this.#modeDiffers(mode)) {
      onPath('write', path, () => fchmodSync(this.#fd, mode));
    }
  }

  data(chunk: Uint8Array): void {
    onPath('write', this.#path, () => {
      for (let at = 0; at < chunk.length; ) at += writeSync(this.#fd, chunk, at);
    });
  }

  endFile(): void {
    const fd = this.#fd;
    onPath('write', this.#path, () => {
      if (this.#canonical) futimesSync(fd, this.#now, CANONICAL_TIME);
      if (this.#sync) fsyncSync(fd);
      // Some file systems say only now that there is no room.
      this.#fd = -1;
      closeSync(fd);
    });
  }

  symlink(name: ByteString, target: ByteString): void {
    const path = this.#pathOf(name);
    this.#create(path, () => symlinkSync(toPathLike(target), toPathLike(path)));
    if (this.#canonical) {
      onPath('write', path, () => lutimesSync(toPathLike(path), this.#now, CANONICAL_TIME));
    }
  }

  /** Closes what is open. What was written stays. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  #pathOf(name: ByteString): ByteString {
    const parent = this.#open.at(-1);
    if (parent === undefined) return utf8ByteString(this.#target);
    return `${parent}/${name}` as ByteString;
  }

  #create(path: ByteString, make: () => void): void {
    try {
      make();
    } catch (error) {
      if (this.#isCreated && errnoOf(error) === 'EEXIST') throw sameName(path);
      throw translateOsError(error, 'create', displayPath(path));
    }
    if (!this.#isCreated) {
      this.#isCreated = true;
      this.#onCreated?.(this.#target);
    }
  }

  /** Looks at the first file of each mode alone: the umask doesn't change, and attributes are not inherited. */
  #modeDiffers(mode: number): boolean {
    let differs = this.#needsChmod.get(mode);
    if (differs === undefined) {
      differs = (fstatSync(this.#fd).mode & PERMISSIONS) !== mode;
      this.#needsChmod.set(mode, differs);
    }
    return differs;
  }
}

function syncDirectory(path: ByteString): void {
  const fd = openSync(toPathLike(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Names are different bytes in an archive; only the file system can have taken two for one. */
function sameName(path: ByteString): FerryError {
  const shown = displayPath(path);
  return new FerryError('conflict', `cannot create "${shown}": the name is taken`, {
    path: shown,
    hint: 'the file system takes two names of this tree for the same, as those do that ignore case',
  });
}

function onPath(doing: string, path: ByteString, call: () => void): void {
  try {
    call();
  } catch (error) {
    throw translateOsError(error, doing, displayPath(path));
  }
}
