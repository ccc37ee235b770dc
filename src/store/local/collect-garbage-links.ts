/** `.links`: entries by which equal files share their contents, and which no file shares any more. */
import { lstatSync, opendirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';
import { linksDirOf } from './links-dir.ts';

/** Entries that are looked at before everything else gets its turn. */
const AT_ONCE = 1000;

/** @returns bytes that sharing saves; less than nothing where the directory itself takes more */
export async function removeUnusedLinks(
  realDir: string,
  { signal }: CallOptions = {},
): Promise<number> {
  const links = linksDirOf(realDir);
  let saved = 0;
  let seen = 0;
  try {
    using directory = opendirSync(links, { bufferSize: 256 });
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      saved += savedBy(join(links, entry.name));
      if (++seen % AT_ONCE !== 0) continue;
      await breathe();
      signal?.throwIfAborted();
    }
    return saved - statSync(links).blocks * 512;
  } catch (error) {
    signal?.throwIfAborted();
    if (errnoOf(error) === 'ENOENT') return saved;
    throw translateOsError(error, 'remove unused links in', links);
  }
}

/** Removes it where it saves nothing any more. */
function savedBy(link: string): number {
  const stat = lstatSync(link, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (stat.nlink > 1) return (stat.nlink - 2) * stat.size;
  try {
    unlinkSync(link);
  } catch (error) {
    // Somebody who optimises the store was quicker.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  return 0;
}
