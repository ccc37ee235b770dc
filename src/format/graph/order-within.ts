/** The order of some nodes of a graph, as Nix puts the members of a set of paths in order. */
import { FerryError } from '../../error.ts';
import type { ReferenceGraph } from '../reference-graph.ts';

/** Sorts numbers of nodes, which are to be ascending; what it gives is overwritten by the next call. */
export type OrderWithin = (subset: ArrayLike<number>) => Uint32Array;

/**
 * Each of the subset after those of the subset that it refers to; ways through what isn't in it don't count. Depth
 * first over sorted sets. A call costs as much as the subset has references, whatever the size of the graph.
 * @throws FerryError `corrupt` for a cycle between different paths.
 */
export function makeOrderWithin(graph: ReferenceGraph): OrderWithin {
  const { paths, offsets, targets } = graph;
  const count = paths.length;
  /** The call that a node belongs to, once for being in the subset and once for each state that it gets to. */
  const wantedBy = new Uint32Array(count);
  const metBy = new Uint32Array(count);
  const doneBy = new Uint32Array(count);
  const next = new Uint32Array(count);
  const stack = new Uint32Array(count);
  const order = new Uint32Array(count);
  let call = 0;
  return (subset) => {
    call++;
    let ordered = 0;
    for (let i = 0; i < subset.length; i++) wantedBy[subset[i] ?? 0] = call;
    for (let i = 0; i < subset.length; i++) {
      const start = subset[i] ?? 0;
      if (metBy[start] === call) continue;
      let depth = 0;
      stack[0] = start;
      metBy[start] = call;
      next[start] = offsets[start] ?? 0;
      while (depth >= 0) {
        const node = stack[depth] ?? 0;
        const at = next[node] ?? 0;
        if (at === offsets[node + 1]) {
          doneBy[node] = call;
          order[ordered++] = node;
          depth--;
          continue;
        }
        next[node] = at + 1;
        const target = targets[at] ?? 0;
        if (target === node || wantedBy[target] !== call || doneBy[target] === call) continue;
        if (metBy[target] === call) {
          const path = paths[target] ?? '';
          throw new FerryError('corrupt', `the references of "${path}" form a cycle`, { path });
        }
        metBy[target] = call;
        next[target] = offsets[target] ?? 0;
        stack[++depth] = target;
      }
    }
    return order.subarray(0, ordered);
  };
}
