/** Finding paths by what a person types: part of a name, of a version, or of a hash part. */
import { labelOf, type Closure } from './closure.ts';

export interface Found {
  /** By number: 1 where it was found. */
  readonly isFound: Uint8Array;
  /** The best first: names that begin so, then by size. */
  readonly nodes: readonly number[];
}

/** Undefined for an empty query: nothing is looked for. */
export function find(closure: Closure, query: string): Found | undefined {
  const words = query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const [first] = words;
  if (first === undefined) return undefined;
  const isFound = new Uint8Array(closure.count);
  const nodes: number[] = [];
  const begins = new Uint8Array(closure.count);
  for (let n = 0; n < closure.count; n++) {
    const label = labelOf(closure, n).toLowerCase();
    const hashPart = closure.hashParts[n] ?? '';
    // A path that was pasted whole is found as well.
    const isIt = words.every((word) => {
      const text = word.slice(word.lastIndexOf('/') + 1);
      return label.includes(text) || `${hashPart}-${label}`.startsWith(text);
    });
    if (!isIt) continue;
    isFound[n] = 1;
    begins[n] = label.startsWith(first) ? 1 : 0;
    nodes.push(n);
  }
  nodes.sort(
    (a, b) =>
      (begins[b] ?? 0) - (begins[a] ?? 0) ||
      (closure.narSizes[b] ?? 0) - (closure.narSizes[a] ?? 0) ||
      a - b,
  );
  return { isFound, nodes };
}
