/** The shortest ways along references from one path to another. */
import {
  reachedFrom,
  referencesOf,
  restrictTo,
  reverseGraph,
  withoutLoops,
  type ReferenceGraph,
} from '../format/reference-graph.ts';

export interface ShortestChains {
  /** References from the one to the other. */
  readonly length: number;
  /** How many chains of that length there are: as many as 2^53 and more is Infinity. */
  readonly count: number;
  /** So many of them as were asked for, in the order of the names on them: nodes from the one to the other. */
  readonly chains: readonly (readonly number[])[];
}

/** @returns undefined where `from` doesn't depend on `to`. */
export function shortestChains(
  graph: ReferenceGraph,
  { from, to, max }: { readonly from: number; readonly to: number; readonly max: number },
): ShortestChains | undefined {
  const distances = distancesTo(graph, to);
  const length = distances[from] ?? -1;
  if (length < 0) return undefined;
  const counts = countChains(graph, distances, to);
  const count = counts[from] ?? 0;
  const chains: number[][] = [];
  const chain = [from];
  /** For each node of the chain the references that lead on and weren't taken yet, the next one last. */
  const left = [leading(graph, distances, from)];
  while (chains.length < max) {
    const next = left.at(-1)?.pop();
    if (chain.at(-1) === to) chains.push([...chain]);
    if (next === undefined) {
      chain.pop();
      left.pop();
      if (chain.length === 0) break;
      continue;
    }
    chain.push(next);
    left.push(leading(graph, distances, next));
  }
  return { length, count: count > Number.MAX_SAFE_INTEGER ? Infinity : count, chains };
}

/** The paths that lie on any way from one to the other, and the references among them. */
export function graphBetween(graph: ReferenceGraph, from: number, to: number): ReferenceGraph {
  const below = reachedFrom(graph, [from]);
  const above = reachedFrom(reverseGraph(graph), [to]);
  return withoutLoops(
    restrictTo(
      graph,
      below.map((one, n) => one & (above[n] ?? 0)),
    ),
  );
}

/** By node: how many references it is away; -1 for those that don't lead there. */
export function distancesTo(graph: ReferenceGraph, to: number): Int32Array {
  const reversed = reverseGraph(graph);
  const distances = new Int32Array(graph.paths.length).fill(-1);
  const queue = [to];
  distances[to] = 0;
  // An array is iterated with what is added meanwhile: that is breadth first.
  for (const node of queue) {
    for (const referrer of referencesOf(reversed, node)) {
      if (distances[referrer] !== -1) continue;
      distances[referrer] = (distances[node] ?? 0) + 1;
      queue.push(referrer);
    }
  }
  return distances;
}

/** References of a node that are one step nearer, the last one by name first. */
function leading(graph: ReferenceGraph, distances: Int32Array, node: number): number[] {
  const distance = distances[node] ?? 0;
  return [...referencesOf(graph, node)]
    .filter((target) => distances[target] === distance - 1 && distance > 0)
    .reverse();
}

/** By node: how many shortest chains lead from it to the end. */
function countChains(graph: ReferenceGraph, distances: Int32Array, to: number): Float64Array {
  const counts = new Float64Array(graph.paths.length);
  counts[to] = 1;
  const byDistance = [...graph.paths.keys()]
    .filter((n) => (distances[n] ?? -1) > 0)
    .sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0));
  for (const node of byDistance) {
    for (const target of leading(graph, distances, node)) {
      counts[node] = (counts[node] ?? 0) + (counts[target] ?? 0);
    }
  }
  return counts;
}
