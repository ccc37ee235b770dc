/**
 * Lets files of a tree share their contents with equal ones. Synchronous: made for a thread of its own.
 *
 * No file is ever written to, since who knows who shares it: a name is made to stand for another file in one step
 * (link under a temporary name, rename). What stands in the directory of links is believed only after it was read:
 * a link that was damaged would else take the place of files that are whole.
 */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import { utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { FerryError, isFerryError } from '../../error.ts';
import { crypto } from '../../format/crypto.ts';
import { narDepthMax } from '../../format/nar/visitor.ts';
import type { LinkedInodes, LinkJob, ShareNote, ShareResult, UnlinkedFile } from '../link-jobs.ts';
import { errnoOf, translateOsError } from '../os-error.ts';
import { displayPath, toPathLike } from './byte-path.ts';
import { linkNameOf } from './hash-file.ts';

type ShareJob = Extract<LinkJob, { kind: 'share' }>;

/** Seconds since 1970. */
const CANONICAL_TIME = 1;
const OWNER_WRITE = 0o200;
const ANY_WRITE = 0o222;
/** A link may be made, and removed, by others at the same moment: so often it is tried. */
const TRIES = 5;
/** Notes of one tree; there may be one for each file. */
const NOTES_MAX = 1000;
/** macOS allows no hard links to files in there. */
const MAC_BUNDLE = /\.app\/Contents\/./;

/** @throws FerryError `not-found`, `denied`; what the checkpoint throws */
export function shareFiles(job: ShareJob, checkpoint: () => void): ShareResult {
  return new Sharing(job, checkpoint).run();
}

class Sharing {
  readonly #job: ShareJob;
  readonly #checkpoint: () => void;
  readonly #linksDir: ByteString;
  readonly #temporaryDir: ByteString;
  /** Inodes of links that were read and found to be what their names say. */
  readonly #whole = new Set<number>();
  readonly #notes: ShareNote[] = [];
  readonly #unlinked: UnlinkedFile[] = [];
  #filesLinked = 0;
  #bytesFreed = 0;

  constructor(job: ShareJob, checkpoint: () => void) {
    this.#job = job;
    this.#checkpoint = checkpoint;
    this.#linksDir = utf8ByteString(job.linksDir);
    this.#temporaryDir = utf8ByteString(job.temporaryDir);
  }

  run(): ShareResult {
    const root = utf8ByteString(this.#job.tree);
    const stats = onPath('read', root, () => lstatSync(toPathLike(root)));
    if (stats.isDirectory()) this.#directory(root, 0);
    else this.#file(root, stats);
    return {
      filesLinked: this.#filesLinked,
      bytesFreed: this.#bytesFreed,
      notes: this.#notes,
      unlinked: this.#unlinked,
    };
  }

  #directory(path: ByteString, depth: number): void {
    if (depth > narDepthMax) {
      const shown = displayPath(path);
      const problem = `cannot share files of "${shown}": it is nested deeper than ${narDepthMax} directories`;
      throw new FerryError('unsupported', problem, { path: shown });
    }
    const entries = onPath('read', path, () =>
      readdirSync(toPathLike(path), { encoding: 'latin1', withFileTypes: true }),
    );
    let isTouched = false;
    try {
      for (const entry of entries) {
        const inner = `${path}/${entry.name}` as ByteString;
        if (entry.isDirectory()) {
          this.#directory(inner, depth + 1);
        } else if (entry.isFile() || (entry.isSymbolicLink() && process.platform === 'linux')) {
          this.#checkpoint();
          const stats = onPath('read', inner, () => lstatSync(toPathLike(inner)));
          if (this.#file(inner, stats, path)) isTouched = true;
        }
      }
    } finally {
      if (isTouched) makeCanonical(path);
    }
  }

  /** @returns whether the directory that it is in was changed */
  #file(path: ByteString, stats: Stats, directory?: ByteString): boolean {
    if (!stats.isFile() && !(stats.isSymbolicLink() && process.platform === 'linux')) return false;
    if (process.platform === 'darwin' && MAC_BUNDLE.test(path)) return false;
    if (stats.nlink > 1 && includes(this.#job.linked, stats.ino)) return false;
    if (stats.isFile() && (stats.mode & OWNER_WRITE) !== 0) {
      this.#note('writable', path);
      return false;
    }
    const name = linkNameOf(path, { checkpoint: this.#checkpoint });
    const link = `${this.#linksDir}/${name}` as ByteString;
    for (let tries = 0; tries < TRIES; tries++) {
      const there = statOf(link);
      if (there?.ino === stats.ino) return false;
      const state = there === undefined ? 'gone' : this.#stateOf(link, there, name, stats);
      if (there !== undefined && state === 'gone') continue;
      if (state === 'damaged') {
        this.#note('damaged-link', link);
        // Nothing is removed in a dry run, and nothing is linked to it either.
        if (this.#job.dryRun === true) return false;
        onPath('remove', link, () => unlinkIfThere(link));
        continue;
      }
      if (this.#job.dryRun === true) {
        if (there === undefined) {
          this.#unlinked.push({ hash: name, inode: stats.ino, size: stats.size });
        } else {
          this.#count(stats);
        }
        return false;
      }
      if (there !== undefined) return this.#replace(path, stats, link, directory);
      if (this.#makeLink(path, link)) return false;
    }
    return false;
  }

  /** Only one that is whole may take the place of a file. */
  #stateOf(
    link: ByteString,
    there: Stats,
    name: string,
    { size }: Stats,
  ): 'whole' | 'damaged' | 'gone' {
    if (this.#whole.has(there.ino)) return 'whole';
    if (there.size !== size || (there.isFile() && (there.mode & ANY_WRITE) !== 0)) return 'damaged';
    try {
      if (linkNameOf(link, { checkpoint: this.#checkpoint }) !== name) return 'damaged';
    } catch (error) {
      if (isFerryError(error, 'not-found')) return 'gone';
      if (isFerryError(error, 'unavailable') || isFerryError(error, 'conflict')) return 'damaged';
      throw error;
    }
    this.#whole.add(there.ino);
    return 'whole';
  }

  /** @returns whether it is done; not where somebody else was quicker. */
  #makeLink(path: ByteString, link: ByteString): boolean {
    try {
      linkSync(toPathLike(path), toPathLike(link));
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'EEXIST') return false;
      if (errno === 'ENOENT') {
        // There is no directory of links yet; what is gone itself is found out the next time.
        makeDirectory(this.#linksDir);
        return false;
      }
      if (errno !== 'ENOSPC' && errno !== 'EMLINK') {
        throw translateOsError(error, 'link', displayPath(path));
      }
      // The index of a directory may be full though the disk isn't: then this file is shared with none.
      this.#note(errno === 'ENOSPC' ? 'no-space' : 'too-many-links', path);
      return true;
    }
  }

  /** @returns whether it was done */
  #replace(
    path: ByteString,
    stats: Stats,
    link: ByteString,
    directory: ByteString | undefined,
  ): boolean {
    const random = crypto().randomBytes(6).toString('hex');
    const temporary = `${this.#temporaryDir}/.tmp-link-${process.pid}-${random}` as ByteString;
    try {
      linkSync(toPathLike(link), toPathLike(temporary));
    } catch (error) {
      const errno = errnoOf(error);
      // The file system allows only so many links, which mostly are those to the empty file.
      if (errno === 'EMLINK' && stats.size > 0) this.#note('too-many-links', link);
      // A garbage collection has removed it.
      if (errno === 'EMLINK' || errno === 'ENOENT') return false;
      throw translateOsError(error, 'link', displayPath(link));
    }
    try {
      // Whoever repairs the path may have put another file there since it was read.
      if (statOf(path)?.ino !== stats.ino) {
        unlinkIfThere(temporary);
        return false;
      }
      renameOver(temporary, path, directory);
    } catch (error) {
      rmSync(toPathLike(temporary), { force: true });
      // Some file systems count one link more while they rename.
      if (errnoOf(error) === 'EMLINK') return false;
      throw translateOsError(error, 'replace', displayPath(path));
    }
    this.#count(stats);
    return true;
  }

  #count({ size }: Stats): void {
    this.#filesLinked++;
    this.#bytesFreed += size;
  }

  #note(kind: ShareNote['kind'], path: ByteString): void {
    if (this.#notes.length < NOTES_MAX) this.#notes.push({ kind, path: displayPath(path) });
  }
}

/** Root needs no permission; others own the directory, and may give themselves one. */
function renameOver(from: ByteString, to: ByteString, directory: ByteString | undefined): void {
  try {
    renameSync(toPathLike(from), toPathLike(to));
  } catch (error) {
    if (errnoOf(error) !== 'EACCES' || directory === undefined) throw error;
    chmodSync(toPathLike(directory), 0o755);
    renameSync(toPathLike(from), toPathLike(to));
  }
  // Where both were the same file by now, renaming has done nothing.
  if (lstatSync(toPathLike(from), { throwIfNoEntry: false }) !== undefined) {
    rmSync(toPathLike(from), { force: true });
  }
}

function unlinkIfThere(path: ByteString): void {
  try {
    unlinkSync(toPathLike(path));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function makeDirectory(path: ByteString): void {
  try {
    mkdirSync(toPathLike(path), { mode: 0o755 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw translateOsError(error, 'create', displayPath(path));
  }
}

/** As every directory in a store is. */
function makeCanonical(directory: ByteString): void {
  onPath('finish', directory, () => {
    chmodSync(toPathLike(directory), 0o555);
    utimesSync(toPathLike(directory), Date.now() / 1000, CANONICAL_TIME);
  });
}

function statOf(path: ByteString): Stats | undefined {
  return onPath('read', path, () => lstatSync(toPathLike(path), { throwIfNoEntry: false }));
}

/** @param sorted ascending */
function includes(sorted: LinkedInodes | undefined, inode: number): boolean {
  if (sorted === undefined) return false;
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < inode) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === inode;
}

function onPath<T>(doing: string, path: ByteString, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw translateOsError(error, doing, displayPath(path));
  }
}
