/** A depth-first walk of a closure from its roots: the order that dominators, layers and reductions are computed in. */
import type { Adjacency } from './closure.ts';

/**
 * All nodes, each before what it refers to, as far as references form no cycle. What no root reaches is there too.
 */
export function referrersFirst(references: Adjacency, roots: readonly number[]): Uint32Array {
  const { offsets, targets } = references;
  const count = offsets.length - 1;
  const order = new Uint32Array(count);
  let free = count;
  const isMet = new Uint8Array(count);
  const stack = new Uint32Array(count);
  /** By node: the reference that is looked at next. */
  const next = offsets.slice(0, count);
  const walk = (start: number): void => {
    if (isMet[start] === 1) return;
    isMet[start] = 1;
    stack[0] = start;
    for (let depth = 0; depth >= 0; ) {
      const node = stack[depth] ?? 0;
      const at = next[node] ?? 0;
      if (at === offsets[node + 1]) {
        order[--free] = node;
        depth--;
        continue;
      }
      next[node] = at + 1;
      const target = targets[at] ?? 0;
      if (isMet[target] === 1) continue;
      isMet[target] = 1;
      stack[++depth] = target;
    }
  };
  for (const root of roots) walk(root);
  for (let n = 0; n < count; n++) walk(n);
  return order;
}
