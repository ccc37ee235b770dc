/**
 * What a path alone keeps in a closure. Path A holds path B where every way from the roots to B leads through A: if
 * nothing referred to A any more, B would go with it. (In the words of graphs: A dominates B.)
 */
import { neighbours, type Closure } from './closure.ts';

export interface Held {
  /** By number: the nearest path that holds it, -1 where none does, as of roots. */
  readonly holders: Int32Array;
  /** By number: bytes of all that it holds, itself among it. */
  readonly sizes: Float64Array;
  /** By number: how many paths that is, itself among them. */
  readonly counts: Uint32Array;
}

/** @param order All nodes, each before what it refers to. */
export function heldOf(closure: Closure, order: Uint32Array): Held {
  const { count, referrers, roots, narSizes } = closure;
  const holders = new Int32Array(count).fill(-1);
  const position = new Uint32Array(count);
  for (const [i, n] of order.entries()) position[n] = i;
  const isRoot = new Uint8Array(count);
  for (const root of roots) isRoot[root] = 1;

  // Of a graph without cycles one pass is enough: all that refers to a node is done before it.
  for (const n of order) {
    if (isRoot[n] === 1) continue;
    let holder: number | undefined;
    for (const referrer of neighbours(referrers, n)) {
      if ((position[referrer] ?? 0) >= (position[n] ?? 0)) continue;
      holder = holder === undefined ? referrer : meet(holder, referrer);
      if (holder < 0) break;
    }
    holders[n] = holder ?? -1;
  }

  const sizes = narSizes.slice();
  const counts = new Uint32Array(count).fill(1);
  for (let i = count - 1; i >= 0; i--) {
    const n = order[i] ?? 0;
    const holder = holders[n] ?? -1;
    if (holder < 0) continue;
    sizes[holder] = (sizes[holder] ?? 0) + (sizes[n] ?? 0);
    counts[holder] = (counts[holder] ?? 0) + (counts[n] ?? 0);
  }
  return { holders, sizes, counts };

  /** The nearest that holds both. A holder always stands before what it holds. */
  function meet(one: number, other: number): number {
    let a = one;
    let b = other;
    while (a !== b) {
      if (a < 0 || b < 0) return -1;
      if ((position[a] ?? 0) > (position[b] ?? 0)) a = holders[a] ?? -1;
      else b = holders[b] ?? -1;
    }
    return a;
  }
}
