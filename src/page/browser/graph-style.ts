/** How nodes and edges of the graph look: by the scale of colours, by what is searched for, and by what is selected. */
import type { DirectedGraph } from 'graphology';
import type { EdgeDisplayData, NodeDisplayData } from 'sigma/types';
import { edgeKey, type Focus } from './graph-focus.ts';
import type { EdgeAttributes, NodeAttributes } from './graph-picture.ts';
import type { PageContext } from './page-context.ts';
import { mix } from './theme.ts';

/** What isn't in focus is that near to the ground. */
const DIM = 0.86;
/** Beyond that edges are as thin as can be, which costs a fraction where there is no graphics card. */
const WIDE_EDGES_MAX = 300;
/** Pixels: what is smaller can't be pointed at. */
const SIZE_MIN = 1.8;
/** Discs on the ground are somewhat darker than tiles, which have no ground between them. */
const DEEPEN = 0.06;
/** Of no more paths in focus all are named that have room. */
const NAMED_MAX = 80;

export class GraphStyle {
  readonly #page: PageContext;
  readonly #graph: DirectedGraph<NodeAttributes, EdgeAttributes>;
  readonly #edgeType: 'thin' | 'wide';
  /** The more edges there are, the nearer they are to the ground: 0 to 1. */
  readonly #edgeFade: number;
  focus: Focus | undefined;
  /** Pixels for the layout's unit of length while all of it is shown. */
  unit = 1;

  /** @param width Pixels that there are for the picture. */
  constructor(
    page: PageContext,
    graph: DirectedGraph<NodeAttributes, EdgeAttributes>,
    width: number,
  ) {
    this.#page = page;
    this.#graph = graph;
    this.#edgeType = graph.size > WIDE_EDGES_MAX ? 'thin' : 'wide';
    const least = this.#edgeType === 'thin' ? 0.3 : 0;
    this.#edgeFade = Math.min(Math.max(Math.log2(graph.size / width) * 0.25, least), 0.75);
  }

  node(key: string, data: NodeAttributes): Partial<NodeDisplayData> & { isStrong?: boolean } {
    const { palette, steps, found } = this.#page;
    const { focus } = this;
    const node = Number(key);
    const colour = palette.steps[steps[node] ?? 0] ?? palette.muted;
    const size = Math.max(data.size * this.unit, SIZE_MIN);
    const part = focus?.parts.get(node);
    const isOut =
      focus === undefined ? found !== undefined && found.isFound[node] !== 1 : part === undefined;
    if (isOut) {
      const color = mix(colour, palette.ground, DIM);
      return { ...data, size: size * 0.7, color, label: '', zIndex: 0 };
    }
    const isItself = part === 'itself';
    const isFew = (focus?.parts.size ?? Infinity) <= NAMED_MAX;
    return {
      ...data,
      size: part === undefined ? size : Math.max(size, SIZE_MIN * 2),
      color: mix(colour, palette.text, DEEPEN),
      forceLabel: part !== undefined && (isFew || part === 'chain' || isItself),
      isStrong: isItself || part === 'chain',
      highlighted: isItself,
      zIndex: part === undefined ? 1 : isItself ? 3 : 2,
    };
  }

  edge(key: string): Partial<EdgeDisplayData> {
    const { palette, found } = this.#page;
    const part = this.focus?.edges.get(edgeKey(this.#graph.source(key), this.#graph.target(key)));
    if (part !== undefined) {
      const colours: Partial<Record<typeof part, string>> = {
        reference: palette.referenceEdge,
        referrer: palette.referrerEdge,
      };
      const color = colours[part] ?? palette.text;
      return { type: 'wide', color, size: 1.6, zIndex: part === 'chain' ? 3 : 2 };
    }
    if (this.focus !== undefined) return { hidden: true };
    const share = found === undefined ? this.#edgeFade : 0.85;
    const color = mix(palette.edge, palette.ground, share);
    return { type: this.#edgeType, color, size: 0.3, zIndex: 0 };
  }
}
