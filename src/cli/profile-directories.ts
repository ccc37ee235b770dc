/** Where profiles lie: those of the machine, and of the user who runs this. */
import { lstatSync, readlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { stateDirOf, type Environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';

/** In the order in which Nix looks through them; they need not be there. */
export function profileDirectories(env: Environment, settings: Settings): string[] {
  const stateDir = stateDirOf(env);
  const own = env.isRoot
    ? join(stateDir, 'profiles/per-user/root')
    : join(env.nixStateHome, 'profiles');
  const link = settings.useXdgBaseDirectories
    ? join(env.nixStateHome, 'profile')
    : join(env.home, '.nix-profile');
  const directories = [own, join(stateDir, 'profiles'), directoryBehind(link) ?? own];
  return [...new Set(directories)].sort();
}

/** The directory of what a link leads to. */
function directoryBehind(link: string): string | undefined {
  try {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    return dirname(resolve(dirname(link), readlinkSync(link)));
  } catch {
    // A home that can't be looked into has no profile for us.
    return undefined;
  }
}
