/** How much room there is for a store on this machine. */
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { translateOsError } from '../../system/os-error.ts';
import type { FreeSpace } from '../store.ts';

/** Of the file system that the store is on or, while there is none, will be on. */
export function freeSpaceAt(realDir: string): FreeSpace {
  for (let dir = realDir; ; dir = join(dir, '..')) {
    try {
      const { bavail, bsize, ffree, files } = statfsSync(dir);
      return { bytes: bavail * bsize, ...(files > 0 ? { files: ffree } : {}) };
    } catch (error) {
      if (dir === '/') throw translateOsError(error, 'see how much is free in', realDir);
    }
  }
}
