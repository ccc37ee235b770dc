/** Forces the names in a directory to the disk: what was moved into it is then still there after a loss of power. */
import { closeSync, fsyncSync, openSync } from 'node:fs';

/** @throws what Node throws */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
