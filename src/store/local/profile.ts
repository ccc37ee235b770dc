/**
 * Profiles: a link that leads to a generation, which is a link to a store path; generations are numbered, and never
 * change once made. (Nix manual, "Profiles".)
 */
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FerryError } from '../../error.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { loadFlock } from '../../system/flock.ts';
import { replaceLink } from '../../system/replace-link.ts';
import { translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';
import { makeDirectory } from './directories.ts';
import type { LocalStore } from './local-store.ts';
import { lockPath } from './path-lock.ts';

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
    const newest = Math.max(0, ...generationsOf(profile));
    const target = printStorePath(store.storeDir, path);
    const isNewest = newest > 0 && readlinkSync(generationLink(profile, newest)) === target;
    const number = isNewest ? newest : newest + 1;
    if (!isNewest) await store.addRoot(generationLink(profile, number), path, { signal });
    switchLink(profile, basename(generationLink(profile, number)));
  } finally {
    lock.release();
  }
}

function generationLink(profile: string, number: number): string {
  return `${profile}-${number}-link`;
}

/** The numbers of those that are there. */
function generationsOf(profile: string): number[] {
  const prefix = `${basename(profile)}-`;
  try {
    return readdirSync(dirname(profile)).flatMap((name) => {
      const number = name.startsWith(prefix)
        ? /^(\d{1,15})-link$/.exec(name.slice(prefix.length))?.[1]
        : undefined;
      return number !== undefined && isLink(join(dirname(profile), name)) ? [Number(number)] : [];
    });
  } catch (error) {
    throw translateOsError(error, 'list the generations of', profile);
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
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
