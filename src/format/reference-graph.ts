/**
 * Paths and what they refer to, as numbers in typed arrays: what is asked of a closure of a hundred thousand paths (its
 * order, its sizes, the ways through it) without an object for each of them.
 */
import { FerryError } from '../error.ts';
import type { PathInfo } from './path-info.ts';
import { compareStorePaths, type StorePath } from './store-path.ts';

/** Nodes are numbered in the order of their base names. Closed: whatever a node refers to is a node. */
export interface ReferenceGraph {
  /** By number, sorted. */
  readonly paths: readonly StorePath[];
  /** Bytes of the NAR of each; 0 where that isn't known. */
  readonly narSizes: Float64Array;
  /** The references of node n are `targets` from `offsets[n]` up to, and without, `offsets[n + 1]`. */
  readonly offsets: Uint32Array;
  /** Numbers, ascending for each node; the node itself is among them where it refers to itself. */
  readonly targets: Uint32Array;
}

/** References to what isn't among them are left out. */
export function graphOfInfos(infos: ReadonlyMap<StorePath, PathInfo>): ReferenceGraph {
  const paths = [...infos.keys()].sort(compareStorePaths);
  const numbers = numbersOf(paths);
  const narSizes = new Float64Array(paths.length);
  const offsets = new Uint32Array(paths.length + 1);
  const targets: number[] = [];
  for (const [n, path] of paths.entries()) {
    const info = infos.get(path);
    narSizes[n] = info?.narSize ?? 0;
    // Both are sorted: numbers ascend as references do.
    for (const reference of info?.references ?? []) {
      const target = numbers.get(reference);
      if (target !== undefined) targets.push(target);
    }
    offsets[n + 1] = targets.length;
  }
  return { paths, narSizes, offsets, targets: Uint32Array.from(targets) };
}

/** The number of each path. */
export function numbersOf(paths: readonly StorePath[]): Map<StorePath, number> {
  return new Map(paths.map((path, n) => [path, n]));
}

/** The numbers of what node `n` refers to, itself among them where it does. */
export function referencesOf({ offsets, targets }: ReferenceGraph, n: number): Uint32Array {
  return targets.subarray(offsets[n], offsets[n + 1]);
}

/** What a graph says of its nodes one by one. */
export type GraphNodes = Pick<ReferenceGraph, 'paths' | 'narSizes'>;

/** References lead from node `from[i]` to node `to[i]`, in any order; none is told twice. Takes linear time. */
export function graphOfEdges(
  { paths, narSizes }: GraphNodes,
  from: ArrayLike<number>,
  to: ArrayLike<number>,
): ReferenceGraph {
  // Sorted by their targets first: turned round, the targets of each node then ascend.
  const offsets = new Uint32Array(paths.length + 1);
  for (let i = 0; i < to.length; i++) {
    const end = (to[i] ?? 0) + 1;
    offsets[end] = (offsets[end] ?? 0) + 1;
  }
  for (let n = 0; n < paths.length; n++) offsets[n + 1] = (offsets[n + 1] ?? 0) + (offsets[n] ?? 0);
  const next = offsets.slice();
  const targets = new Uint32Array(to.length);
  for (let i = 0; i < to.length; i++) {
    const end = to[i] ?? 0;
    targets[next[end] ?? 0] = from[i] ?? 0;
    next[end] = (next[end] ?? 0) + 1;
  }
  return reverseGraph({ paths, narSizes, offsets, targets });
}

/** What these nodes lead to, themselves among it, as a graph of its own. */
export function subgraphOf(graph: ReferenceGraph, roots: Iterable<number>): ReferenceGraph {
  return restrictTo(graph, reachedFrom(graph, roots));
}

/** The nodes for which `wanted` has a 1, and the references among them. */
export function restrictTo(graph: ReferenceGraph, wanted: Uint8Array): ReferenceGraph {
  const { paths, narSizes, offsets, targets } = graph;
  const kept = [...paths.keys()].filter((n) => wanted[n] === 1);
  if (kept.length === paths.length) return graph;
  const numbers = new Uint32Array(paths.length);
  for (const [number, n] of kept.entries()) numbers[n] = number;
  const keptOffsets = new Uint32Array(kept.length + 1);
  const keptTargets: number[] = [];
  for (const [number, n] of kept.entries()) {
    for (let i = offsets[n] ?? 0; i < (offsets[n + 1] ?? 0); i++) {
      const target = targets[i] ?? 0;
      if (wanted[target] === 1) keptTargets.push(numbers[target] ?? 0);
    }
    keptOffsets[number + 1] = keptTargets.length;
  }
  return {
    paths: kept.map((n) => paths[n] as StorePath),
    narSizes: Float64Array.from(kept, (n) => narSizes[n] ?? 0),
    offsets: keptOffsets,
    targets: Uint32Array.from(keptTargets),
  };
}

/** The same without references of nodes to themselves. */
export function withoutLoops({
  paths,
  narSizes,
  offsets,
  targets,
}: ReferenceGraph): ReferenceGraph {
  const keptOffsets = new Uint32Array(paths.length + 1);
  const keptTargets = new Uint32Array(targets.length);
  let kept = 0;
  for (let n = 0; n < paths.length; n++) {
    for (let i = offsets[n] ?? 0; i < (offsets[n + 1] ?? 0); i++) {
      if (targets[i] !== n) keptTargets[kept++] = targets[i] ?? 0;
    }
    keptOffsets[n + 1] = kept;
  }
  return { paths, narSizes, offsets: keptOffsets, targets: keptTargets.slice(0, kept) };
}

/** By node: 1 where one of `roots` leads to it, or it is one. */
export function reachedFrom(
  { paths, offsets, targets }: ReferenceGraph,
  roots: Iterable<number>,
): Uint8Array {
  const reached = new Uint8Array(paths.length);
  const stack: number[] = [];
  for (const root of roots) {
    reached[root] = 1;
    stack.push(root);
  }
  for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
    for (let i = offsets[n] ?? 0; i < (offsets[n + 1] ?? 0); i++) {
      const target = targets[i] ?? 0;
      if (reached[target] === 1) continue;
      reached[target] = 1;
      stack.push(target);
    }
  }
  return reached;
}

/** The same paths with every reference turned round: what a node "refers to" are its referrers, ascending. */
export function reverseGraph(graph: ReferenceGraph): ReferenceGraph {
  const { paths, narSizes, offsets: from, targets: to } = graph;
  const offsets = new Uint32Array(paths.length + 1);
  for (const target of to) offsets[target + 1] = (offsets[target + 1] ?? 0) + 1;
  for (let n = 0; n < paths.length; n++) offsets[n + 1] = (offsets[n + 1] ?? 0) + (offsets[n] ?? 0);
  const next = offsets.slice();
  const targets = new Uint32Array(to.length);
  for (let n = 0; n < paths.length; n++) {
    for (let i = from[n] ?? 0; i < (from[n + 1] ?? 0); i++) {
      const target = to[i] ?? 0;
      targets[next[target] ?? 0] = n;
      next[target] = (next[target] ?? 0) + 1;
    }
  }
  return { paths, narSizes, offsets, targets };
}

/**
 * Numbers of all nodes, each after all that it refers to, in the order in which Nix lists a closure: depth first over
 * sorted sets.
 * @throws FerryError `corrupt` for a cycle between different paths.
 */
export function topologicalOrder(graph: ReferenceGraph): Uint32Array {
  const { paths, offsets, targets } = graph;
  const count = paths.length;
  const order = new Uint32Array(count);
  let ordered = 0;
  /** 0 not met, 1 on the stack, 2 done. */
  const state = new Uint8Array(count);
  const stack = new Uint32Array(count);
  /** By node: the reference that is looked at next. */
  const next = offsets.slice(0, count);
  for (let start = 0; start < count; start++) {
    if (state[start] !== 0) continue;
    let depth = 0;
    stack[0] = start;
    state[start] = 1;
    while (depth >= 0) {
      const node = stack[depth] ?? 0;
      const at = next[node] ?? 0;
      if (at === offsets[node + 1]) {
        state[node] = 2;
        order[ordered++] = node;
        depth--;
        continue;
      }
      next[node] = at + 1;
      const target = targets[at] ?? 0;
      if (target === node || state[target] === 2) continue;
      if (state[target] === 1) {
        const path = paths[target] ?? '';
        throw new FerryError('corrupt', `the references of "${path}" form a cycle`, { path });
      }
      state[target] = 1;
      stack[++depth] = target;
    }
  }
  return order;
}
