/** Directories, with those above them. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './os-error.ts';

/**
 * Makes a directory and those above it; one that is there is fine. (Node's own way never returns below `/proc`, and
 * wherever else a name can't be made although its directory is there.)
 * @throws the system's error, to be translated by who knows what the directory is for
 */
export function makeDirectory(path: string, mode = 0o777): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else was quicker, or a file is in the way.
    const isThere = errnoOf(error) === 'EEXIST' && statSync(path).isDirectory();
    if (!isThere) throw error;
  }
}
