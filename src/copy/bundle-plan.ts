/** What goes into a bundle: the closure of what is wanted, less what the machine it is for has already. */
import type { BundleCompression, BundleManifest } from '../format/bundle/manifest.ts';
import type { PathInfo } from '../format/path-info.ts';
import { compareStorePaths, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { resolveLevel } from '../system/compression/levels.ts';
import { computeClosure, type ClosureQuery } from './closure.ts';
import { sortTopologically } from './order.ts';

export interface BundlePlanOptions extends ClosureQuery {
  readonly compression: BundleCompression;
  /** As Nix's `compression-level`; −1 or nothing is the default of the method. */
  readonly level?: number | undefined;
  /** Paths of the source that are left out with all they refer to. */
  readonly since?: readonly StorePath[] | undefined;
  /** Paths that are valid on the other machine, as it says; what they refer to is so too. The source may lack them. */
  readonly without?: ReadonlySet<StorePath> | undefined;
}

export interface BundlePlan {
  readonly manifest: BundleManifest;
  /** How much of the closure is left out. */
  readonly leftOut: { readonly paths: number; readonly narSize: number };
}

/**
 * The same for the same closures: neither when nor in which order they were asked for shows.
 * @throws FerryError `not-found` for a path that isn't valid; `usage` for a level that there isn't
 */
export async function planBundle(
  source: Store,
  roots: readonly StorePath[],
  options: BundlePlanOptions,
): Promise<BundlePlan> {
  const { compression, since = [], without = new Set(), signal } = options;
  const level = resolveLevel(compression, options.level);
  const closure = await computeClosure(source, roots, options);
  const base = since.length === 0 ? new Map() : await computeClosure(source, since, { signal });
  const leftOut = reachable(
    closure,
    [...closure.keys()].filter((path) => base.has(path) || without.has(path)),
  );
  const infos = [...closure.values()].filter(({ path }) => !leftOut.has(path));
  const mentioned = new Set([...roots, ...infos.flatMap(({ references }) => references)]);
  for (const { path } of infos) mentioned.delete(path);
  const manifest: BundleManifest = {
    storeDir: source.storeDir,
    compression,
    level,
    roots: [...new Set(roots)].sort(compareStorePaths),
    presupposed: [...mentioned].sort(compareStorePaths),
    infos: sortTopologically(infos),
  };
  const narSize = sumOfSizes([...leftOut].map((path) => closure.get(path)));
  return { manifest, leftOut: { paths: leftOut.size, narSize } };
}

/** These and all that they refer to. */
function reachable(
  closure: ReadonlyMap<StorePath, PathInfo>,
  from: readonly StorePath[],
): Set<StorePath> {
  const found = new Set<StorePath>(from);
  // A set takes what is added while it is gone through.
  for (const path of found) {
    for (const reference of closure.get(path)?.references ?? []) {
      if (closure.has(reference)) found.add(reference);
    }
  }
  return found;
}

function sumOfSizes(infos: readonly (PathInfo | undefined)[]): number {
  return infos.reduce((sum, info) => sum + (info?.narSize ?? 0), 0);
}
