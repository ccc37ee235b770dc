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
  store: Pick<LocalStore, 'storeDir' | 'addRoot'>,
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

export interface SwitchGenerationOptions extends CallOptions {
  /** Called with the number of the current generation (0 where there is none) and that of the new one, before the switch. */
  readonly onSwitching?: ((from: number, to: number) => void) | undefined;
  /** End before it. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Lets a profile lead to another generation that there is: the one of a number, or the newest that is older than the
 * current one.
 * @throws FerryError `not-found`, in the words of Nix
 */
export async function switchGeneration(
  profile: string,
  wanted: number | 'older',
  { signal, onSwitching, dryRun = false }: SwitchGenerationOptions = {},
): Promise<void> {
  const lock = await lockPath(await loadFlock(), profile, signal);
  try {
    const { all, current = 0 } = generationsOf(profile);
    const found = all.findLast(({ number }) =>
      wanted === 'older' ? number < current : number === wanted,
    );
    if (found === undefined) {
      const problem =
        wanted === 'older'
          ? `no profile version older than the current (${current}) exists`
          : `profile version ${wanted} does not exist`;
      throw new FerryError('not-found', problem, { path: profile });
    }
    onSwitching?.(current, found.number);
    if (!dryRun) switchLink(profile, basename(found.link));
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
