/** A tree on this machine as a listing, without reading any file of it. */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ListingNode } from '../format/nar/listing.ts';
import { translateOsError } from '../system/os-error.ts';

/** Entries in byte order, as in a NAR. @throws FerryError */
export function listTree(path: string): ListingNode {
  try {
    const stat = lstatSync(path);
    if (stat.isSymbolicLink()) return { type: 'symlink', target: readlinkSync(path) };
    if (!stat.isDirectory()) {
      return { type: 'regular', size: stat.size, executable: (stat.mode & 0o100) !== 0 };
    }
    const names = readdirSync(path).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return {
      type: 'directory',
      entries: new Map(names.map((name) => [name, listTree(join(path, name))])),
    };
  } catch (error) {
    throw translateOsError(error, 'list', path);
  }
}
