/**
 * Profiles: a link that leads to a generation, which is a link to a store path; generations are numbered, and never
 * change once made. (Nix manual, "Profiles".)
 */
import { lstatSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { FerryError } from '../../error.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { loadFlock } from '../../system/flock.ts';
import { replaceLink } from '../../system/replace-link.ts';
import { translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';
import { makeDirectory } from './directories.ts';
import type { LocalStore } from './local-store.ts';
import { lockPath } from './path-lock.ts';
import { generationLink, generationsOf } from './profile-generations.ts';

/**
 * Makes a path the current generation of a profile. Where the newest generation is that path already no other is
 * made. The profile need not exist.
 * @param profile absolute.
 * @throws FerryError `not-found` where the path isn't valid, `conflict` where something else than a profile is there
 */
export async function addGeneration(
  store: LocalStore,
  profile: string,
  path: StorePath,
  { signal }: CallOptions = {},
): Promise<void> {
  makeDirectory(dirname(profile));
  requireProfile(profile);
  const lock = await lockPath(await loadFlock(), profile, signal);
  try {
    const newest = generationsOf(profile).all.at(-1)?.number ?? 0;
    const target = printStorePath(store.storeDir, path);
    const isNewest = newest > 0 && leadsTo(generationLink(profile, newest), target);
    const number = isNewest ? newest : newest + 1;
    if (!isNewest) await store.addRoot(generationLink(profile, number), path, { signal });
    switchLink(profile, basename(generationLink(profile, number)));
  } finally {
    lock.release();
  }
}

function leadsTo(link: string, target: string): boolean {
  const isLink = lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return isLink && readlinkSync(link) === target;
}

function requireProfile(profile: string): void {
  try {
    if (lstatSync(profile, { throwIfNoEntry: false })?.isSymbolicLink() ?? true) return;
  } catch (error) {
    throw translateOsError(error, 'make a profile at', profile);
  }
  throw new FerryError(
    'conflict',
    `cannot make a profile at "${profile}": something else is there`,
    {
      path: profile,
    },
  );
}

function switchLink(profile: string, target: string): void {
  try {
    replaceLink(profile, target);
  } catch (error) {
    throw translateOsError(error, 'switch profile', profile);
  }
}
