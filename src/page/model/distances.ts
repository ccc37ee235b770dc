/** How far paths are from the roots: by the shortest way, which says why they are there, and by the longest. */
import { neighbours, type Closure } from './closure.ts';

export interface Distances {
  /** By number: references from a root to it, at the least. */
  readonly shortest: Uint32Array;
  /** By number: references from a root to it, at the most. What refers to something always has less. */
  readonly longest: Uint32Array;
  /** By number: what a shortest way comes from, -1 for a root. */
  readonly from: Int32Array;
}

/** @param order All nodes, each before what it refers to. */
export function distancesOf(closure: Closure, order: Uint32Array): Distances {
  const { count, references, roots } = closure;
  const shortest = new Uint32Array(count);
  const from = new Int32Array(count).fill(-1);
  const isMet = new Uint8Array(count);
  const queue = new Uint32Array(count);
  let queued = 0;
  for (const root of roots) {
    if (isMet[root] === 1) continue;
    isMet[root] = 1;
    queue[queued++] = root;
  }
  for (let i = 0; i < queued; i++) {
    const n = queue[i] ?? 0;
    for (const target of neighbours(references, n)) {
      if (isMet[target] === 1) continue;
      isMet[target] = 1;
      from[target] = n;
      shortest[target] = (shortest[n] ?? 0) + 1;
      queue[queued++] = target;
    }
  }

  const longest = new Uint32Array(count);
  const isDone = new Uint8Array(count);
  for (const n of order) {
    isDone[n] = 1;
    const next = (longest[n] ?? 0) + 1;
    for (const target of neighbours(references, n)) {
      if (isDone[target] === 0 && (longest[target] ?? 0) < next) longest[target] = next;
    }
  }
  return { shortest, longest, from };
}

/** A shortest way from a root to it, both among them. */
export function chainTo({ from }: Distances, n: number): number[] {
  const chain = [n];
  for (let at = from[n] ?? -1; at >= 0; at = from[at] ?? -1) chain.push(at);
  return chain.reverse();
}
