/** Why one path has another in its closure: the references that lead there, the shortest way first. */
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';

/**
 * How many references each path of the closure is away from `target`; those that don't lead there are absent. A path
 * that refers to itself is not further away for it.
 */
export function distancesTo(
  closure: ReadonlyMap<StorePath, PathInfo>,
  target: StorePath,
): Map<StorePath, number> {
  const referrers = new Map<StorePath, StorePath[]>();
  for (const { path, references } of closure.values()) {
    for (const reference of references) {
      const list = referrers.get(reference) ?? [];
      referrers.set(reference, list);
      list.push(path);
    }
  }
  const distances = new Map<StorePath, number>();
  if (!closure.has(target)) return distances;
  distances.set(target, 0);
  // A map is iterated in the order of insertion, what is added meanwhile included: that is breadth first.
  for (const [path, distance] of distances) {
    for (const referrer of referrers.get(path) ?? []) {
      if (!distances.has(referrer)) distances.set(referrer, distance + 1);
    }
  }
  return distances;
}

/**
 * The steps from `from` to `to`, as a caller goes down them: `step(path)` gives the references of a path that lead
 * further, each path's once. With `all` every way is told, else the shortest.
 * @returns undefined where `from` doesn't depend on `to`.
 */
export function whyDepends(
  closure: ReadonlyMap<StorePath, PathInfo>,
  from: StorePath,
  to: StorePath,
  options: { readonly all: boolean },
): ((path: StorePath) => readonly StorePath[]) | undefined {
  const distances = distancesTo(closure, to);
  if (!distances.has(from)) return undefined;
  const told = new Set<StorePath>();
  return (path) => {
    // Whether a path depends on itself is asked of one that refers to itself, or trivially.
    if (told.has(path) || (path === to && path !== from)) return [];
    told.add(path);
    const leading = (closure.get(path)?.references ?? [])
      .filter((reference) => distances.has(reference) && (reference !== path || from === to))
      .sort((a, b) => (distances.get(a) ?? 0) - (distances.get(b) ?? 0));
    return options.all ? leading : leading.slice(0, 1);
  };
}
