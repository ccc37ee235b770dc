/** How much each of several paths weighs with all that it refers to. */
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';

/**
 * For each of `roots` the sum of what `weigh` gives for the paths of its closure, each counted once. What isn't in
 * `closure` weighs nothing.
 */
export function sumClosures(
  closure: ReadonlyMap<StorePath, PathInfo>,
  roots: Iterable<StorePath>,
  weigh: (info: PathInfo) => number,
): Map<StorePath, number> {
  const sums = new Map<StorePath, number>();
  for (const root of roots) {
    const seen = new Set<StorePath>([root]);
    let sum = 0;
    // A set is iterated in the order of insertion, what is added meanwhile included.
    for (const path of seen) {
      const info = closure.get(path);
      if (info === undefined) continue;
      sum += weigh(info);
      for (const reference of info.references) seen.add(reference);
    }
    sums.set(root, sum);
  }
  return sums;
}
