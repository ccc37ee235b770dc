/**
 * A directory of links as `share-files.ts` makes them, read from one end to the other: which files stand in it, and
 * whether each still is what its name says. There may be millions, so names are never all in memory.
 */
import { type Dir, lstatSync, opendirSync, readdirSync } from 'node:fs';
import { utf8ByteString, type ByteString } from '../../bytes/byte-string.ts';
import { isFerryError, messageOf } from '../../error.ts';
import type { DamagedLink, LinkedInodes } from '../link-jobs.ts';
import { errnoOf, translateOsError } from '../os-error.ts';
import { displayPath, toPathLike } from './byte-path.ts';
import { linkNameOf } from './hash-file.ts';

/** Entries that are read at a time. */
const BUFFER_SIZE = 1024;
/** Numbers for which there is room at first. */
const ROOM = 1024;

export function readLinkedInodes(linksDir: string, checkpoint: () => void): LinkedInodes {
  let inodes = new Float64Array(ROOM);
  let count = 0;
  for (const { inode } of linksIn(linksDir, checkpoint)) {
    if (count === inodes.length) {
      const more = new Float64Array(count * 2);
      more.set(inodes);
      inodes = more;
    }
    inodes[count++] = inode;
  }
  const shared = new Float64Array(new SharedArrayBuffer(count * Float64Array.BYTES_PER_ELEMENT));
  shared.set(inodes.subarray(0, count));
  return shared.sort();
}

export function checkLinks(
  linksDir: string,
  names: readonly string[],
  checkpoint: () => void,
): DamagedLink[] {
  const damaged: DamagedLink[] = [];
  for (const name of names) {
    const link = `${utf8ByteString(linksDir)}/${name}` as ByteString;
    try {
      const got = linkNameOf(link, { checkpoint });
      if (got !== name) damaged.push({ name, got });
    } catch (error) {
      if (isFerryError(error, 'not-found')) continue;
      if (!isFerryError(error)) throw error;
      damaged.push({ name, problem: messageOf(error) });
    }
  }
  return damaged;
}

export function findSharedLinks(
  linksDir: string,
  trees: readonly string[],
  checkpoint: () => void,
): string[] {
  const shared = new Set<number>();
  for (const tree of trees) collectShared(utf8ByteString(tree), shared, checkpoint);
  if (shared.size === 0) return [];
  const names: string[] = [];
  for (const { name, inode } of linksIn(linksDir, checkpoint)) {
    if (shared.has(inode)) names.push(name);
  }
  return names;
}

/** Inodes of files that have another name, here or elsewhere. */
function collectShared(root: ByteString, shared: Set<number>, checkpoint: () => void): void {
  const waiting = [root];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    checkpoint();
    try {
      const stats = lstatSync(toPathLike(path), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (!stats.isDirectory()) {
        if (stats.nlink > 1) shared.add(stats.ino);
        continue;
      }
      for (const name of readdirSync(toPathLike(path), { encoding: 'latin1' })) {
        waiting.push(`${path}/${name}` as ByteString);
      }
    } catch (error) {
      // It is looked at since it is damaged: what can't be read isn't.
      if (errnoOf(error) === undefined) throw error;
    }
  }
}

interface Link {
  /** One character for each byte. */
  readonly name: string;
  readonly inode: number;
}

function* linksIn(linksDir: string, checkpoint: () => void): Generator<Link> {
  let directory: Dir;
  try {
    directory = opendirSync(linksDir, { encoding: 'latin1', bufferSize: BUFFER_SIZE });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw translateOsError(error, 'read', linksDir);
  }
  try {
    for (;;) {
      checkpoint();
      const entry = directory.readSync();
      if (entry === null) return;
      const { name } = entry;
      const path = `${utf8ByteString(linksDir)}/${name}` as ByteString;
      const stats = lstatSync(toPathLike(path), { throwIfNoEntry: false });
      if (stats !== undefined) yield { name, inode: stats.ino };
    }
  } catch (error) {
    throw translateOsError(error, 'read', displayPath(utf8ByteString(linksDir)));
  } finally {
    directory.closeSync();
  }
}
