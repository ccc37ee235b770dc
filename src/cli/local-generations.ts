/** The generations of a profile of this machine, told as those of hosts are. */
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { stateDirOf } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import type { GenerationsToRemove } from '../deploy/agent/agent.ts';
import { FerryError } from '../error.ts';
import {
  generationsOf,
  oldGenerations,
  removeGenerations,
} from '../store/local/profile-generations.ts';
import { translateOsError } from '../system/os-error.ts';
import type { CommandContext } from './context.ts';
import type { ListedProfile } from './ui/render-generations.ts';
import { asOldGenerations } from './which-generations.ts';

/** The system's, where this machine has one; else that of the user, as Nix finds it. */
export function localProfile({ env }: CommandContext, settings: Settings): string {
  const system = join(stateDirOf(env), 'profiles/system');
  if (existsSync(system)) return system;
  const link = settings.useXdgBaseDirectories
    ? join(env.nixStateHome, 'profile')
    : join(env.home, '.nix-profile');
  return targetOf(link) ?? link;
}

/** @throws FerryError `not-found` where there is no profile, `denied` */
export function listLocalGenerations(profile: string): ListedProfile {
  const currentPath = targetOf(profile);
  if (currentPath === undefined) {
    throw new FerryError('not-found', `there is no profile "${profile}"`, { path: profile });
  }
  const { all, current } = generationsOf(profile);
  return {
    current,
    currentPath,
    generations: all.flatMap(({ number, link, madeAt }) => {
      const path = targetOf(link);
      return path === undefined ? [] : [{ number, path, createdAtMs: madeAt * 1000 }];
    }),
  };
}

/**
 * Which ones would go. Changes nothing.
 * @throws FerryError `not-found` for a number that there is none of, `conflict` for the current one
 */
export function chooseLocalGenerations(profile: string, which: GenerationsToRemove): number[] {
  const generations = generationsOf(profile);
  const old = oldGenerations(generations, asOldGenerations(which, Date.now()));
  const chosen = old.map(({ number }) => number).sort((a, b) => a - b);
  for (const wanted of Array.isArray(which) ? (which as readonly number[]) : []) {
    if (chosen.includes(wanted)) continue;
    if (wanted === generations.current) {
      throw new FerryError('conflict', `generation ${wanted} of "${profile}" is the current one`);
    }
    throw new FerryError('not-found', `"${profile}" has no generation ${wanted}`, {
      hint: `it has ${generations.all.map(({ number }) => number).join(', ')}`,
    });
  }
  return chosen;
}

/** @returns those that are gone */
export async function removeLocalGenerations(
  profile: string,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<number[]> {
  const removed: number[] = [];
  await removeGenerations(profile, {
    old: { kind: 'numbers', numbers: new Set(numbers) },
    onRemoving: ({ number }) => void removed.push(number),
    signal,
  });
  return removed.sort((a, b) => a - b);
}

/** Of a link, one step; undefined where there is none. */
function targetOf(link: string): string | undefined {
  try {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    return resolve(dirname(link), readlinkSync(link));
  } catch (error) {
    throw translateOsError(error, 'read', link);
  }
}
