/**
 * Where the paths of a closure stand in its picture: in layers, whatever refers to something above it. Within a layer
 * they are ordered by where their neighbours stand, a few times over; wide layers are several rows high, so that the
 * picture has the shape of a screen and not of a ribbon. Linear in references but for the sorting: 5,000 paths take
 * some tens of milliseconds.
 */
import { neighbours, type Adjacency } from './closure.ts';
import { spread } from './spread.ts';

export interface LayoutInput {
  /** Those that are drawn; arrows against the layers do no harm. */
  readonly references: Adjacency;
  readonly referrers: Adjacency;
  /** By number; 0 is on top. */
  readonly layers: Uint32Array;
  /** By number: how large it is drawn. */
  readonly radii: Float64Array;
  /** Width to height, as far as it can be had. */
  readonly shape: number;
}

/** In the unit of the radii; y grows downwards, the middle is 0. */
export interface Layout {
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly width: number;
  readonly height: number;
}

const PASSES = 8;
/** Free room between neighbours of a row. */
const GAP = 0.7;
/** Free room between layers. */
const LAYER_GAP = 2.8;

/** Nodes of a layer from left to right, several one below the other where it has rows. */
interface Column {
  readonly nodes: readonly number[];
  /** Half of its width. */
  readonly radius: number;
}

export function layeredLayout(input: LayoutInput): Layout {
  const count = input.radii.length;
  const layers = orderLayers(input);
  const x = new Float64Array(count);
  const y = new Float64Array(count);
  const perRow = chooseWidth(layers, input);
  const stacks = layers.map((layer) => columnsOf(layer, perRow, input.radii));

  let top = 0;
  for (const columns of stacks) {
    let height = 0;
    for (const { nodes } of columns) {
      let below = top;
      for (const n of nodes) {
        const radius = input.radii[n] ?? 0;
        y[n] = below + radius;
        below += 2 * radius + GAP;
      }
      height = Math.max(height, below - top - GAP);
    }
    // Columns that are lower than their layer stand in its middle.
    for (const { nodes } of columns) {
      const last = nodes.at(-1) ?? 0;
      const free = height - ((y[last] ?? 0) + (input.radii[last] ?? 0) - top);
      for (const n of nodes) y[n] = (y[n] ?? 0) + free / 2;
    }
    top += height + LAYER_GAP;
  }

  for (let pass = 0; pass < PASSES; pass++) {
    const isDown = pass % 2 === 0;
    for (const columns of isDown ? stacks : stacks.toReversed()) {
      placeColumns(columns, isDown ? input.referrers : input.references, x, pass === 0);
    }
  }
  return centred(x, y, input);
}

/** The nodes of each layer, ordered so that references cross little. */
function orderLayers({ references, referrers, layers }: LayoutInput): number[][] {
  const rows: number[][] = [];
  for (const [n, layer] of layers.entries()) {
    while (rows.length <= layer) rows.push([]);
    rows[layer]?.push(n);
  }
  /** By number: where it stands in its layer, from 0 to 1. */
  const place = new Float64Array(layers.length);
  const wanted = new Float64Array(layers.length);
  const settle = (row: number[]): void => {
    for (const [i, n] of row.entries()) place[n] = (i + 0.5) / row.length;
  };
  for (const row of rows) settle(row);
  for (let pass = 0; pass < PASSES; pass++) {
    const isDown = pass % 2 === 0;
    const arrows = isDown ? referrers : references;
    for (const row of isDown ? rows : rows.toReversed()) {
      for (const n of row) wanted[n] = meanOf(neighbours(arrows, n), place) ?? place[n] ?? 0;
      row.sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0) || a - b);
      settle(row);
    }
  }
  return rows;
}

function meanOf(nodes: Uint32Array, values: Float64Array): number | undefined {
  if (nodes.length === 0) return undefined;
  let sum = 0;
  for (const n of nodes) sum += values[n] ?? 0;
  return sum / nodes.length;
}

/** How wide a layer may be before it gets more rows, for a picture of the right shape. */
function chooseWidth(
  layers: readonly (readonly number[])[],
  { radii, shape }: LayoutInput,
): number {
  const sizes = layers.map((layer) => {
    let width = 0;
    let widest = 0;
    for (const n of layer) {
      const room = 2 * (radii[n] ?? 0) + GAP;
      width += room;
      widest = Math.max(widest, room);
    }
    return { width, row: (width / Math.max(layer.length, 1) + widest) / 2 };
  });
  let width = Math.max(...sizes.map((size) => size.width), 1);
  for (; width > 8; width *= 0.9) {
    let height = 0;
    for (const size of sizes) height += Math.ceil(size.width / width) * size.row + LAYER_GAP;
    if (width <= height * shape) break;
  }
  return width;
}

function columnsOf(layer: readonly number[], widthMax: number, radii: Float64Array): Column[] {
  let width = 0;
  for (const n of layer) width += 2 * (radii[n] ?? 0) + GAP;
  const rows = Math.max(Math.ceil(width / widthMax), 1);
  const columns: Column[] = [];
  for (let at = 0; at < layer.length; at += rows) {
    const nodes = layer.slice(at, at + rows);
    columns.push({ nodes, radius: Math.max(...nodes.map((n) => radii[n] ?? 0)) });
  }
  return columns;
}

/** Puts each column as near to its neighbours as its order in the layer allows. */
function placeColumns(
  columns: readonly Column[],
  arrows: Adjacency,
  x: Float64Array,
  isFirst: boolean,
): void {
  const wanted = columns.map(({ nodes }) => {
    const means = nodes.flatMap((n) => meanOf(neighbours(arrows, n), x) ?? []);
    if (means.length > 0) return means.reduce((sum, mean) => sum + mean, 0) / means.length;
    return isFirst ? 0 : (x[nodes[0] ?? 0] ?? 0);
  });
  const places = spread(
    wanted,
    columns.map(({ radius }) => radius + GAP / 2),
  );
  for (const [i, { nodes }] of columns.entries()) {
    for (const n of nodes) x[n] = places[i] ?? 0;
  }
}

function centred(x: Float64Array, y: Float64Array, { radii, shape }: LayoutInput): Layout {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [n, radius] of radii.entries()) {
    left = Math.min(left, (x[n] ?? 0) - radius);
    right = Math.max(right, (x[n] ?? 0) + radius);
    top = Math.min(top, (y[n] ?? 0) - radius);
    bottom = Math.max(bottom, (y[n] ?? 0) + radius);
  }
  if (radii.length === 0) return { x, y, width: 0, height: 0 };
  const middleX = (left + right) / 2;
  const middleY = (top + bottom) / 2;
  // Many layers of few nodes would be a ribbon too: these get more room at their sides.
  const stretch = Math.max(((bottom - top) * shape) / (right - left), 1);
  return {
    x: x.map((value) => (value - middleX) * stretch),
    y: y.map((value) => value - middleY),
    width: (right - left) * stretch,
    height: bottom - top,
  };
}
