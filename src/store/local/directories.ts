/** The directories and fixed files of a store, made as Nix makes them. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { FerryError } from '../../error.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { StoreLocations } from './locations.ts';

/**
 * A store below a symbolic link is refused, as Nix does: builds would see another path than the one they are given.
 * @throws FerryError `denied`; `not-found` where something above it is no directory.
 */
export function refuseSymlinks(realDir: string): void {
  for (let path = realDir; path !== '/'; path = dirname(path)) {
    if (isSymlink(path)) {
      throw new FerryError(
        'denied',
        `cannot use the store in "${realDir}": "${path}" is a symbolic link`,
        {
          path,
          hint: 'name the directory that it leads to, or set NIX_IGNORE_SYMLINK_STORE=1',
        },
      );
    }
  }
}

function isSymlink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch (error) {
    throw translateOsError(error, 'use the store in', path);
  }
}

/**
 * Makes whatever of a store's directories is missing.
 * @param buildGroup the group that builds run as: it may make entries in the store, but not remove those of others.
 * @throws FerryError `denied`, `no-space`
 */
export function makeDirectories(locations: StoreLocations, buildGroup: number | undefined): void {
  const { realDir, stateDir } = locations;
  makeDirectory(realDir);
  if (buildGroup !== undefined && process.getuid?.() === 0) {
    try {
      chownSync(realDir, 0, buildGroup);
      chmodSync(realDir, 0o1775);
    } catch (error) {
      throw translateOsError(error, 'give to the build group', realDir);
    }
  }
  makeDirectory(join(realDir, '.links'));
  for (const dir of ['db', 'temproots', 'profiles/per-user', 'gcroots/per-user']) {
    makeDirectory(join(stateDir, dir));
  }
}

/**
 * A directory that everybody may read, whatever the mask of the process, and its parents likewise.
 * @throws FerryError `denied`, `no-space`, `not-found` where a parent is no directory.
 */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path, 0o755);
    chmodSync(path, 0o755);
  } catch (error) {
    if (existsSync(path)) return;
    throw translateOsError(error, 'create directory', path);
  }
}

/**
 * An empty file that everybody may read, whatever the mask of the process. One that is there is left as it is.
 * @throws FerryError `denied`, `no-space`
 */
export function makeReadableFile(path: string): void {
  try {
    const fd = openSync(path, 'ax', 0o644);
    try {
      fchmodSync(fd, 0o644);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw translateOsError(error, 'create', path);
  }
}

/**
 * Space that a garbage collection gives free before it begins, since it needs some itself. It is no harm where that
 * can't be had.
 * @param size in bytes; none is kept where it is 0.
 */
export function reserveSpace(dbDir: string, size: number): void {
  const file = join(dbDir, 'reserved');
  try {
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === size) return;
    // Not a hole: it must take up the space.
    writeFileSync(file, Buffer.alloc(size, 'X'), { mode: 0o600 });
  } catch {
    // The disk is full, or somebody else is making it.
  }
}
