/** Sets of paths as Nix prints them: each after those of the set that it refers to. */
import type { PathInfo } from '../../../format/path-info.ts';
import {
  numbersOf,
  topologicalOrder,
  type ReferenceGraph,
} from '../../../format/reference-graph.ts';
import type { StorePath } from '../../../format/store-path.ts';

/**
 * A graph of just these paths; one that has no info refers to nothing.
 */
export function graphWithin(
  set: Iterable<StorePath>,
  infos: ReadonlyMap<StorePath, PathInfo>,
): ReferenceGraph {
  const paths = [...new Set(set)].sort();
  const numbers = numbersOf(paths);
  const offsets = new Uint32Array(paths.length + 1);
  const targets: number[] = [];
  for (const [n, path] of paths.entries()) {
    for (const reference of infos.get(path)?.references ?? []) {
      const target = numbers.get(reference);
      if (target !== undefined) targets.push(target);
    }
    offsets[n + 1] = targets.length;
  }
  const narSizes = new Float64Array(paths.length);
  return { paths, narSizes, offsets, targets: Uint32Array.from(targets) };
}

/** @throws FerryError `corrupt` for a cycle between different paths */
export function orderWithin(
  set: Iterable<StorePath>,
  infos: ReadonlyMap<StorePath, PathInfo>,
): StorePath[] {
  const graph = graphWithin(set, infos);
  return Array.from(topologicalOrder(graph), (n) => graph.paths[n] as StorePath);
}
