/** What keeps paths alive at the destination: generations of a profile, and links beside the work. */
import { resolve } from 'node:path';
import { FerryError } from '../../../error.ts';
import { addGeneration } from '../../../store/local/profile.ts';
import type { StorePath } from '../../../format/store-path.ts';
import type { LocalStore } from '../../../store/local/local-store.ts';
import { pathsOf, type Installable } from './installables.ts';
import type { NixCall } from './verb.ts';

/** @throws FerryError `usage` unless it is just one */
export function theOnlyPath(found: readonly Installable[]): StorePath {
  const paths = pathsOf(found);
  const [path] = paths;
  if (path !== undefined && paths.length === 1) return path;
  throw new FerryError(
    'usage',
    `'--profile' requires that the arguments produce a single store path, but there are ${paths.length}`,
  );
}

/** A new generation, unless the newest is that path already; the profile then leads to it. */
export async function setProfile(
  { context: { cwd, signal } }: NixCall,
  store: LocalStore,
  profile: string,
  path: StorePath,
): Promise<void> {
  await addGeneration(store, resolve(cwd, profile), path, { signal });
}

/** `LINK`, `LINK-1`, … for each installable, with the name of the output behind it where that isn't `out`. */
export async function makeOutLinks(
  { context: { cwd, signal } }: NixCall,
  store: LocalStore,
  link: string,
  found: readonly Installable[],
): Promise<void> {
  const base = resolve(cwd, link);
  for (const [i, installable] of found.entries()) {
    const numbered = i === 0 ? base : `${base}-${i}`;
    if (installable.kind === 'path') {
      await store.addRoot(numbered, installable.path, { signal });
      continue;
    }
    for (const [name, path] of installable.outputs) {
      await store.addRoot(name === 'out' ? numbered : `${numbered}-${name}`, path, { signal });
    }
  }
}
