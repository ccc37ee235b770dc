/** The profile that is meant where none is named, found as Nix finds it. */
import { lstatSync, mkdirSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { stateDirOf, type Environment } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import { replaceLink } from '../system/replace-link.ts';

/** The link in the home of the user that says which profile is that user's. */
export function profileLinkOf(env: Environment, settings: Settings): string {
  return settings.useXdgBaseDirectories
    ? join(env.nixStateHome, 'profile')
    : join(env.home, '.nix-profile');
}

/** Makes the links on the way to it where they aren't there. */
export function defaultProfile(env: Environment, settings: Settings): string {
  const named = env.variables['NIX_PROFILE'];
  if (named !== undefined && named !== '') return named;
  const link = profileLinkOf(env, settings);
  try {
    const stateDir = stateDirOf(env);
    const directory = env.isRoot
      ? join(stateDir, 'profiles/per-user/root')
      : join(env.nixStateHome, 'profiles');
    mkdirSync(directory, { recursive: true });
    const profile = join(directory, 'profile');
    if (settings.useXdgBaseDirectories) mkdirSync(dirname(link), { recursive: true });
    if (!isThere(link)) replaceLink(link, profile);
    // What NixOS and others look for.
    const global = join(stateDir, 'profiles/default');
    if (env.isRoot && !isThere(global)) replaceLink(global, profile);
    return resolve(dirname(link), readlinkSync(link));
  } catch {
    // Whoever may not make them works on the link itself, as with Nix.
    return link;
  }
}

/** Makes another profile that of the user. @throws what the system says */
export function switchProfileLink(link: string, profile: string): void {
  replaceLink(link, dirname(profile) === dirname(link) ? basename(profile) : profile);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
