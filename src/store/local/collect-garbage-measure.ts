/** How much room things in a store directory take that others don't share: what deleting them all would free. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';

export interface Measured {
  /** Of its files. One that shares its contents with others is counted with the last that goes. */
  readonly bytes: number;
  readonly files: number;
}

/** Nodes that are looked at before everything else gets its turn. */
const AT_ONCE = 1000;

/** @returns by name. @throws FerryError `denied`; the signal's reason */
export async function measureGarbage(
  realDir: string,
  names: Iterable<string>,
  { signal }: CallOptions = {},
): Promise<Map<string, Measured>> {
  const measured = new Map<string, Measured>();
  const links = new SharedFiles();
  let seen = 0;
  for (const name of names) {
    let bytes = 0;
    let files = 0;
    const stack = [Buffer.from(join(realDir, name))];
    for (let path = stack.pop(); path !== undefined; path = stack.pop()) {
      if (++seen % AT_ONCE === 0) {
        await breathe();
        signal?.throwIfAborted();
      }
      try {
        const stat = lstatSync(path);
        if (!stat.isDirectory()) {
          files++;
          bytes += links.freedBy(stat);
          continue;
        }
        for (const entry of readdirSync(path, { encoding: 'buffer' })) {
          stack.push(Buffer.concat([path, Buffer.from('/'), entry]));
        }
      } catch (error) {
        if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) {
          throw translateOsError(error, 'measure', join(realDir, name));
        }
      }
    }
    measured.set(name, { bytes, files });
  }
  return measured;
}

/** Files with several names, of which one may be in `.links`, where it is no use by itself. */
class SharedFiles {
  /** By inode: how many of its names were not met yet. */
  readonly #left = new Map<number, number>();

  freedBy({ ino, nlink, size }: { ino: number; nlink: number; size: number }): number {
    if (nlink === 1) return size;
    const left = (this.#left.get(ino) ?? nlink) - 1;
    this.#left.set(ino, left);
    return left === 1 ? size : 0;
  }
}
