/**
 * The references without which something would be out of reach: A's reference to C is implied where A refers to a B
 * that leads to C. A picture of a closure with the implied ones is a ball of hair. (A transitive reduction.)
 */
import { neighbours, type Adjacency } from './closure.ts';

/** It takes a bit for each pair of nodes: 32 MiB for that many. */
const NODES_MAX = 16_384;

/** Undefined for more nodes than there is memory for. @param order All nodes, each before what it refers to. */
export function essentialReferences(
  references: Adjacency,
  order: Uint32Array,
): Adjacency | undefined {
  const count = order.length;
  if (count > NODES_MAX) return undefined;
  const position = new Uint32Array(count);
  for (const [i, n] of order.entries()) position[n] = i;
  const words = Math.ceil(count / 32);
  /** A row of bits for each node: what it leads to. */
  const reached = new Uint32Array(count * words);
  const kept: number[][] = Array.from({ length: count }, () => []);

  for (let i = count - 1; i >= 0; i--) {
    const n = order[i] ?? 0;
    const row = n * words;
    // What leads to another target stands before it.
    const targets = neighbours(references, n).toSorted(
      (a, b) => (position[a] ?? 0) - (position[b] ?? 0),
    );
    for (const target of targets) {
      if ((position[target] ?? 0) <= i) continue;
      const word = row + (target >>> 5);
      const bit = 1 << (target & 31);
      if (((reached[word] ?? 0) & bit) !== 0) continue;
      kept[n]?.push(target);
      const from = target * words;
      for (let w = 0; w < words; w++) {
        reached[row + w] = (reached[row + w] ?? 0) | (reached[from + w] ?? 0);
      }
      reached[word] = (reached[word] ?? 0) | bit;
    }
  }

  const offsets = new Uint32Array(count + 1);
  for (const [n, targets] of kept.entries()) offsets[n + 1] = (offsets[n] ?? 0) + targets.length;
  return { offsets, targets: Uint32Array.from(kept.flat()) };
}
