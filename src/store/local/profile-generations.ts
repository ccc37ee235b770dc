/** The generations of a profile, and how old ones are given up: what they held may then be collected as garbage. */
import {
  accessSync,
  constants,
  lstatSync,
  opendirSync,
  readdirSync,
  readlinkSync,
  unlinkSync,
  type Dirent,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { loadFlock } from '../../system/flock.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';
import { lockPath } from './path-lock.ts';

export interface Generation {
  readonly number: number;
  /** The link that is the generation. */
  readonly link: string;
  /** When it was made, in seconds since 1970. */
  readonly madeAt: number;
}

export interface Generations {
  /** By number. */
  readonly all: readonly Generation[];
  /** The number of the one that the profile leads to. */
  readonly current: number | undefined;
}

/** Which ones go; the current one never does. */
export type OldGenerations =
  /** All but the current one. */
  | { readonly kind: 'all' }
  /** Those that weren't in use any more at a time (in seconds since 1970): the newest that is older still was. */
  | { readonly kind: 'before'; readonly time: number }
  /** All before the current one and those just before it, so many in all. Later ones stay. */
  | { readonly kind: 'keep'; readonly count: number }
  | { readonly kind: 'numbers'; readonly numbers: ReadonlySet<number> };

/** @throws FerryError `denied`, `not-found` */
export function generationsOf(profile: string): Generations {
  const directory = dirname(profile);
  try {
    const all = readdirSync(directory).flatMap((name): Generation[] => {
      const number = numberOf(profile, name);
      const stat = lstatSync(join(directory, name), { throwIfNoEntry: false });
      if (number === undefined || stat === undefined) return [];
      const link = generationLink(profile, number);
      return [{ number, link, madeAt: Math.floor(stat.mtimeMs / 1000) }];
    });
    all.sort((a, b) => a.number - b.number);
    return { all, current: currentOf(profile) };
  } catch (error) {
    throw translateOsError(error, 'list the generations of', profile);
  }
}

/**
 * The same while nobody changes the profile.
 * @throws FerryError `denied`, `not-found`; the signal's reason
 */
export async function listGenerations(
  profile: string,
  { signal }: CallOptions = {},
): Promise<Generations> {
  const lock = await lockPath(await loadFlock(), profile, signal);
  try {
    return generationsOf(profile);
  } finally {
    lock.release();
  }
}

/** The link of a generation. */
export function generationLink(profile: string, number: number): string {
  return `${profile}-${number}-link`;
}

/** `PROFILE-12-link`; what follows it is of no matter to Nix. */
function numberOf(profile: string, name: string): number | undefined {
  const prefix = `${basename(profile)}-`;
  if (!name.startsWith(prefix)) return undefined;
  const digits = /^(\d{1,15})-link/.exec(name.slice(prefix.length))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The link of a profile is relative, as a rule: one that isn't must lead to the same directory. */
function currentOf(profile: string): number | undefined {
  if (lstatSync(profile, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
  const target = resolve(dirname(profile), readlinkSync(profile));
  return dirname(target) === dirname(profile) ? numberOf(profile, basename(target)) : undefined;
}

/** Which generations are old, in the order in which Nix takes them. */
export function oldGenerations({ all, current }: Generations, old: OldGenerations): Generation[] {
  if (old.kind === 'all') return all.filter(({ number }) => number !== current);
  if (old.kind === 'numbers') {
    return all.filter(({ number }) => number !== current && old.numbers.has(number));
  }
  const newestFirst = all.toReversed();
  if (old.kind === 'keep') {
    const before = newestFirst.filter(({ number }) => current !== undefined && number < current);
    return before.slice(Math.max(old.count - 1, 0));
  }
  const last = newestFirst.findIndex(({ madeAt }) => madeAt < old.time);
  if (last < 0) return [];
  return newestFirst.slice(last + 1).filter(({ number }) => number !== current);
}

export interface RemoveGenerationsOptions extends CallOptions {
  readonly old: OldGenerations;
  /** Called before each is removed. */
  readonly onRemoving?: ((generation: Generation) => void) | undefined;
  /** Remove none. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Removes old generations under the lock of the profile.
 * @throws FerryError `denied`; the signal's reason
 */
export async function removeGenerations(
  profile: string,
  { old, onRemoving, signal, dryRun = false }: RemoveGenerationsOptions,
): Promise<void> {
  const lock = await lockPath(await loadFlock(), profile, signal);
  try {
    for (const generation of oldGenerations(generationsOf(profile), old)) {
      onRemoving?.(generation);
      if (!dryRun) removeLink(generation.link);
    }
  } finally {
    lock.release();
  }
}

function removeLink(link: string): void {
  try {
    unlinkSync(link);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw translateOsError(error, 'remove generation', link);
  }
}

/** Links within directories within …: profiles lie a level or two deep. */
const DEPTH_MAX = 20;

/**
 * What may be a profile below a directory, as Nix looks for them: links to something with "link" in its name, where this
 * process may remove others. Directories that can't be read have none. What is gone when its turn comes isn't told.
 */
export function* findProfiles(directory: string, depth = 0): Generator<string> {
  if (!isAccessible(directory, constants.R_OK) || depth > DEPTH_MAX) return;
  const isWritable = isAccessible(directory, constants.W_OK);
  for (const entry of entriesOf(directory)) {
    const file = join(directory, entry.name);
    if (entry.isDirectory()) yield* findProfiles(file, depth + 1);
    else if (isWritable && entry.isSymbolicLink() && leadsToLink(file)) yield file;
  }
}

/** In the order of the directory itself, as Nix takes them. */
function entriesOf(directory: string): Dirent[] {
  const entries: Dirent[] = [];
  try {
    using opened = opendirSync(directory);
    for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) {
      entries.push(entry);
    }
    return entries;
  } catch (error) {
    throw translateOsError(error, 'look for profiles in', directory);
  }
}

function leadsToLink(file: string): boolean {
  try {
    return readlinkSync(file).includes('link');
  } catch (error) {
    // It was there a moment ago.
    if (errnoOf(error) === 'ENOENT') return false;
    throw translateOsError(error, 'read', file);
  }
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
