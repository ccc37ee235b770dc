/**
 * Permanent roots: a symbolic link anywhere, and one to that link in `gcroots/auto`, where the garbage collector
 * looks. Remove the first and the second means nothing any more.
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { FerryError } from '../../error.ts';
import { formatDigest, hashBytes } from '../../format/hash.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { replaceLink } from '../../system/replace-link.ts';
import { translateOsError } from '../../system/os-error.ts';
import { makeDirectory } from './directories.ts';
import type { StoreLocations } from './locations.ts';

/** @throws FerryError `conflict` where something else is there, `usage` for a link within the store. */
export function addRoot(locations: StoreLocations, link: string, path: StorePath): void {
  const absolute = makeRootLink(locations, link, path);
  const name = formatDigest(hashBytes('sha1', absolute), 'nix32');
  makeLink(join(locations.stateDir, 'gcroots', 'auto', name), absolute);
}

/**
 * The first link alone, which is a root once the garbage collector knows of it.
 * @returns its absolute name. @throws as `addRoot`
 */
export function makeRootLink(
  { storeDir, realDir }: Pick<StoreLocations, 'storeDir' | 'realDir'>,
  link: string,
  path: StorePath,
): string {
  const absolute = resolve(link);
  for (const dir of [storeDir, realDir]) {
    if (absolute === dir || absolute.startsWith(`${dir}/`)) {
      throw new FerryError('usage', `cannot make a root at "${absolute}": it is in the store`);
    }
  }
  requireReplaceable(absolute, storeDir);
  makeLink(absolute, printStorePath(storeDir, path));
  return absolute;
}

/** Nothing may be there but an older root. */
function requireReplaceable(link: string, storeDir: string): void {
  try {
    const stat = lstatSync(link, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isSymbolicLink() && readlinkSync(link).startsWith(`${storeDir}/`)) return;
  } catch (error) {
    throw translateOsError(error, 'make a root at', link);
  }
  throw new FerryError('conflict', `cannot make a root at "${link}": something else is there`, {
    path: link,
  });
}

function makeLink(link: string, target: string): void {
  makeDirectory(dirname(link));
  try {
    replaceLink(link, target);
  } catch (error) {
    throw translateOsError(error, 'make link', link);
  }
}
