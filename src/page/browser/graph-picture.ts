/** The closure as sigma wants it: nodes at their places, and the edges that are drawn. */
import { DirectedGraph } from 'graphology';
import type { Analysis } from '../model/analysis.ts';
import { labelOf, neighbours, reverse, type Adjacency } from '../model/closure.ts';
import { essentialReferences } from '../model/essential-references.ts';
import { layeredLayout, type Layout } from '../model/layered-layout.ts';

export interface NodeAttributes {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly label: string;
  /** Its name comes before others. */
  readonly isStrong?: boolean;
}

export interface EdgeAttributes {
  /** Drawn for the selection alone. */
  readonly isExtra: boolean;
}

export type Picture = DirectedGraph<NodeAttributes, EdgeAttributes>;

export interface GraphPicture {
  readonly graph: Picture;
  readonly layout: Layout;
  /** What is drawn while nothing is selected. */
  readonly drawn: Adjacency;
  /** What isn't: references that others imply. */
  readonly impliedCount: number;
}

const RADIUS = { least: 0.6, most: 2.6 };
/** Of more than that nothing could be told: then only those of the selection are drawn. */
const EDGES_MAX = 60_000;

/** @param shape Width to height of the room there is. */
export function drawGraph({ closure, order, distances }: Analysis, shape: number): GraphPicture {
  const { count, narSizes } = closure;
  const largest = narSizes.reduce((most, size) => Math.max(most, size), 1);
  const radii = narSizes.map(
    (size) => RADIUS.least + (RADIUS.most - RADIUS.least) * Math.sqrt(size / largest),
  );
  const essential = essentialReferences(closure.references, order) ?? closure.references;
  const layout = layeredLayout({
    references: essential,
    referrers: reverse(essential),
    layers: distances.longest,
    radii,
    shape: Math.min(Math.max(shape, 0.6), 1.6),
  });
  const graph: Picture = new DirectedGraph({ allowSelfLoops: false });
  for (let n = 0; n < count; n++) {
    graph.addNode(String(n), {
      x: layout.x[n] ?? 0,
      y: -(layout.y[n] ?? 0),
      size: radii[n] ?? RADIUS.least,
      label: labelOf(closure, n),
    });
  }
  const isTooMuch = essential.targets.length > EDGES_MAX;
  const drawn = isTooMuch
    ? { offsets: new Uint32Array(count + 1), targets: new Uint32Array(0) }
    : essential;
  for (let n = 0; n < count; n++) {
    for (const target of neighbours(drawn, n)) {
      if (target !== n) graph.addEdge(String(n), String(target), { isExtra: false });
    }
  }
  return {
    graph,
    layout,
    drawn,
    impliedCount: closure.references.targets.length - drawn.targets.length,
  };
}
