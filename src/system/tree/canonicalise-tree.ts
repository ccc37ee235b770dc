/**
 * Gives a tree as it lies on disk the metadata that everything in a store has: modes 0444 and 0555, modification time
 * one second after 1970, this process's user for its owner, no extended attributes. (Trees that are written here get
 * them on the way: `write-tree.ts`.)
 *
 * What lies there may be somebody else's, who exchanges a file for a link while root goes through it: changing the mode
 * of what a link leads to would give away any file. So every node is first opened as what it is, for nothing but its
 * place (`O_PATH`), looked at and changed by way of that descriptor: `/proc/self/fd/<fd>` is to Linux what fchmodat(2)
 * and its relatives are, which Node lacks. Where there is no `/proc` (macOS) names are all there is.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  openSync,
  readdirSync,
  type Stats,
  utimesSync,
} from 'node:fs';
import { utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { FerryError } from '../../error.ts';
import { narDepthMax } from '../../format/nar/visitor.ts';
import { translateOsError } from '../os-error.ts';
import { stripXattrs, type Xattrs } from '../xattrs.ts';
import { displayPath, toPathLike } from './byte-path.ts';
import { describeType } from './walk-tree.ts';

export interface CanonicaliseOptions {
  readonly xattrs: Xattrs;
  /** Called before every node; what it throws ends the work halfway. */
  readonly checkpoint?: (() => void) | undefined;
}

/** Milliseconds since 1970. */
const CANONICAL_TIME_MS = 1000;
const PERMISSIONS = 0o7777;
const OWNER_EXECUTE = 0o100;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** Of Linux; Node has no name for it. */
const O_PATH = 0o10000000;
const DESCRIPTORS = '/proc/self/fd';

interface OpenDirectory {
  /** For messages. */
  readonly path: ByteString;
  /** What names in it are looked up below. */
  readonly base: ByteString;
  readonly entries: string[];
  readonly fd: number;
}

/**
 * A root that is a link is changed itself. Directories are done before what is in them.
 * @throws FerryError `not-found`; `denied` where files are not ours and we are not root; `unsupported` for sockets,
 * devices and pipes, and for what is nested deeper than an archive may be
 */
export function canonicaliseTree(root: string, options: CanonicaliseOptions): void {
  const work = new Canonicaliser(options);
  try {
    work.node(undefined, utf8ByteString(root));
    work.rest();
  } finally {
    work.close();
  }
}

class Canonicaliser {
  readonly #xattrs: Xattrs;
  readonly #checkpoint: (() => void) | undefined;
  readonly #open: OpenDirectory[] = [];
  readonly #user = process.geteuid?.();
  readonly #group = process.getegid?.();
  readonly #hasDescriptors = process.platform === 'linux' && existsSync(DESCRIPTORS);

  constructor({ xattrs, checkpoint }: CanonicaliseOptions) {
    this.#xattrs = xattrs;
    this.#checkpoint = checkpoint;
  }

  close(): void {
    for (const { fd } of this.#open.splice(0)) closeSync(fd);
  }

  /** Everything below the directory that `node` opened, if it was one. */
  rest(): void {
    for (let directory = this.#open.at(-1); directory !== undefined; ) {
      const name = directory.entries.pop();
      if (name !== undefined) {
        this.node(directory, name as ByteString);
      } else {
        this.#open.pop();
        closeSync(directory.fd);
      }
      directory = this.#open.at(-1);
    }
  }

  node(parent: OpenDirectory | undefined, name: ByteString): void {
    this.#checkpoint?.();
    const path = parent === undefined ? name : (`${parent.path}/${name}` as ByteString);
    const at = parent === undefined ? name : (`${parent.base}/${name}` as ByteString);
    try {
      if (this.#hasDescriptors) this.#byDescriptor(path, at);
      else this.#byName(path, at);
    } catch (error) {
      throw translateOsError(error, 'canonicalise', displayPath(path));
    }
  }

  #byDescriptor(path: ByteString, at: ByteString): void {
    const fd = openSync(toPathLike(at), O_PATH | O_NOFOLLOW);
    try {
      const stats = fstatSync(fd);
      requireKnownType(path, stats);
      const node = `${DESCRIPTORS}/${fd}`;
      this.#takeXattrsOff(path, node);
      const mode = canonicalMode(stats);
      if (mode !== undefined) chmodSync(node, mode);
      if (stats.mtimeMs !== CANONICAL_TIME_MS) {
        utimesSync(node, stats.atimeMs / 1000, CANONICAL_TIME_MS / 1000);
      }
      if (this.#isForeign(stats)) chownSync(node, this.#user ?? 0, this.#group ?? 0);
      if (stats.isDirectory()) this.#enter(path, node);
    } finally {
      closeSync(fd);
    }
  }

  #byName(path: ByteString, at: ByteString): void {
    const name = toPathLike(at);
    const stats = lstatSync(name);
    requireKnownType(path, stats);
    const mode = canonicalMode(stats);
    if (mode !== undefined) chmodSync(name, mode);
    if (stats.mtimeMs !== CANONICAL_TIME_MS) {
      lutimesSync(name, stats.atimeMs / 1000, CANONICAL_TIME_MS / 1000);
    }
    if (this.#isForeign(stats)) lchownSync(name, this.#user ?? 0, this.#group ?? 0);
    if (stats.isDirectory()) this.#enter(path, at);
  }

  #enter(path: ByteString, at: string): void {
    if (this.#open.length > narDepthMax) {
      throw unsupported(path, `it is nested deeper than ${narDepthMax} directories`);
    }
    const fd = openSync(toPathLike(at as ByteString), O_RDONLY | O_DIRECTORY);
    try {
      const base = (this.#hasDescriptors ? `${DESCRIPTORS}/${fd}` : path) as ByteString;
      const entries = readdirSync(toPathLike(base), { encoding: 'latin1' });
      this.#open.push({ path, base, entries, fd });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #isForeign({ uid }: Stats): boolean {
    return this.#user !== undefined && uid !== this.#user;
  }

  #takeXattrsOff(path: ByteString, node: string): void {
    const left = stripXattrs(this.#xattrs.following, node);
    if (left === undefined) return;
    const shown = displayPath(path);
    throw new FerryError('denied', `cannot remove attribute "${left}" of "${shown}"`, {
      path: shown,
    });
  }
}

/** Undefined where it has it, or where it is a link, whose mode means nothing. */
function canonicalMode(stats: Stats): number | undefined {
  if (stats.isSymbolicLink()) return undefined;
  const isExecutable = stats.isDirectory() || (stats.mode & OWNER_EXECUTE) !== 0;
  const wanted = isExecutable ? 0o555 : 0o444;
  return (stats.mode & PERMISSIONS) === wanted ? undefined : wanted;
}

function requireKnownType(path: ByteString, stats: Stats): void {
  if (stats.isFile() || stats.isDirectory() || stats.isSymbolicLink()) return;
  throw unsupported(path, `it is ${describeType(stats)}`);
}

function unsupported(path: ByteString, problem: string): FerryError {
  const shown = displayPath(path);
  return new FerryError('unsupported', `cannot canonicalise "${shown}": ${problem}`, {
    path: shown,
    hint: 'stores hold files, directories and symlinks, nested at most 63 deep',
  });
}
