/** What the graph brings out when a path is selected: its references, its referrers, and the way to it from a root. */
import type { Analysis } from '../model/analysis.ts';
import { neighbours } from '../model/closure.ts';
import { chainTo } from '../model/distances.ts';
import type { Picture } from './graph-picture.ts';

export type Part = 'itself' | 'reference' | 'referrer' | 'chain';

export interface Focus {
  readonly node: number;
  readonly parts: ReadonlyMap<number, Part>;
  /** By `edgeKey`. */
  readonly edges: ReadonlyMap<string, Part>;
}

export function edgeKey(source: number | string, target: number | string): string {
  return `${source}>${target}`;
}

export function focusOn({ closure, distances }: Analysis, node: number): Focus {
  const parts = new Map<number, Part>();
  const edges = new Map<string, Part>();
  const chain = chainTo(distances, node);
  for (const [i, n] of chain.entries()) {
    parts.set(n, 'chain');
    const next = chain[i + 1];
    if (next !== undefined) edges.set(edgeKey(n, next), 'chain');
  }
  for (const referrer of neighbours(closure.referrers, node)) {
    parts.set(referrer, 'referrer');
    edges.set(edgeKey(referrer, node), 'referrer');
  }
  for (const reference of neighbours(closure.references, node)) {
    parts.set(reference, 'reference');
    edges.set(edgeKey(node, reference), 'reference');
  }
  parts.set(node, 'itself');
  return { node, parts, edges };
}

/** Puts those of its edges into the picture that aren't there as a rule, and takes away those of the focus before. */
export function drawFocus(graph: Picture, focus: Focus | undefined): void {
  for (const edge of graph.filterEdges((_, { isExtra }) => isExtra)) graph.dropEdge(edge);
  for (const key of focus?.edges.keys() ?? []) {
    const [source = '', target = ''] = key.split('>');
    if (source !== target && !graph.hasEdge(source, target)) {
      graph.addEdge(source, target, { isExtra: true });
    }
  }
}
