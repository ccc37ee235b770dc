/** A closure as nested rectangles by size: what is grouped with what, and where each lies on an area. */
import { hierarchy, treemap, treemapSquarify, type HierarchyRectangularNode } from 'd3-hierarchy';
import { labelOf, type Closure } from './closure.ts';
import type { Held } from './held.ts';

/** By package name, or each path within the one that alone keeps it in the closure. */
export type Grouping = 'package' | 'holder';

/** A group has parts; a tile has none, and is a path. */
export interface Part {
  /** The path that it is; of a group the one that holds all of it, where there is one. */
  readonly node?: number | undefined;
  /** The name of a package, or all that follows the hash part of a holder. */
  readonly label: string;
  /** Of a path; '' where there is none. */
  readonly version?: string;
  readonly parts: Part[];
}

export interface Cell {
  readonly part: Part;
  readonly label: string;
  /** What the label leaves out. */
  readonly detail: string;
  readonly isGroup: boolean;
  /** Bytes, or paths where no sizes are known. */
  readonly value: number;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  /** Groups around it. */
  readonly depth: number;
  /** Whether there is room for its name above its parts. */
  readonly hasHeader: boolean;
}

export interface Area {
  readonly width: number;
  readonly height: number;
}

/** Room above the parts of a group for its name. */
export const HEADER_HEIGHT = 20;
const HEADER_MIN: Area = { width: 64, height: 52 };

export function partsOf(closure: Closure, held: Held, grouping: Grouping): Part {
  return grouping === 'package' ? byPackage(closure) : byHolder(closure, held);
}

/** Groups come before their parts. */
export function layoutTreemap(part: Part, closure: Closure, area: Area): Cell[] {
  const weigh = ({ node, parts }: Part): number => {
    if (node === undefined || parts.length > 0) return 0;
    return closure.totalSize > 0 ? (closure.narSizes[node] ?? 0) : 1;
  };
  const root = hierarchy(part, ({ parts }) => parts)
    .sum(weigh)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const lay = treemap<Part>()
    .tile(treemapSquarify.ratio(1.2))
    .size([area.width, area.height])
    .paddingOuter((node) => (node === root ? 0 : isRoomy(node) ? 3 : 0))
    .paddingTop((node) => (node === root ? 0 : isRoomy(node) ? HEADER_HEIGHT : 0))
    .round(false);
  const cells: Cell[] = [];
  lay(root).eachBefore((node) => {
    const { x0, y0, x1, y1, data, depth } = node;
    if (node === root && node.children !== undefined) return;
    const isGroup = data.parts.length > 0;
    const hasHeader = isGroup && isRoomy(node);
    const { version = '' } = data;
    // Below the name of the package the version is what tells paths apart.
    const above = node.parent;
    const isNamedAbove =
      version !== '' &&
      above !== null &&
      above !== root &&
      isRoomy(above) &&
      above.data.label === data.label;
    const label = isNamedAbove ? version : data.label;
    const detail = isNamedAbove ? '' : version;
    cells.push({
      part: data,
      label,
      detail,
      isGroup,
      value: node.value ?? 0,
      x0,
      y0,
      x1,
      y1,
      depth,
      hasHeader,
    });
  });
  return cells;
}

/** The innermost cell at a place; of several that lie there the last. */
export function cellAt(cells: readonly Cell[], x: number, y: number): Cell | undefined {
  return cells.findLast((cell) => x >= cell.x0 && x < cell.x1 && y >= cell.y0 && y < cell.y1);
}

/** The tile that lies nearest in a direction, such as { x: 1, y: 0 }; undefined at the edge. */
export function tileBeside(
  cells: readonly Cell[],
  from: Cell,
  direction: { readonly x: number; readonly y: number },
): Cell | undefined {
  let best: Cell | undefined;
  let least = Infinity;
  for (const cell of cells) {
    if (cell.isGroup || cell === from) continue;
    const dx = (cell.x0 + cell.x1 - from.x0 - from.x1) / 2;
    const dy = (cell.y0 + cell.y1 - from.y0 - from.y1) / 2;
    const along = dx * direction.x + dy * direction.y;
    if (along <= 0.5) continue;
    // What lies aside is far, however near it is.
    const distance = along + 3 * Math.abs(dx * direction.y + dy * direction.x);
    if (distance >= least) continue;
    least = distance;
    best = cell;
  }
  return best;
}

/** The groups around a path, the outermost first; empty where it is in none. */
export function groupsAround(top: Part, node: number): Part[] {
  const above = new Map<Part, Part>();
  const queue = [top];
  for (const part of queue) {
    if (part.node === node && part.parts.length === 0) {
      const groups: Part[] = [];
      for (let at = above.get(part); at !== undefined && at !== top; at = above.get(at)) {
        groups.push(at);
      }
      return groups.reverse();
    }
    for (const inner of part.parts) {
      above.set(inner, part);
      queue.push(inner);
    }
  }
  return [];
}

function isRoomy({ x0, y0, x1, y1, data }: HierarchyRectangularNode<Part>): boolean {
  return data.parts.length > 0 && x1 - x0 >= HEADER_MIN.width && y1 - y0 >= HEADER_MIN.height;
}

function byPackage(closure: Closure): Part {
  const groups = new Map<string, Part[]>();
  for (let node = 0; node < closure.count; node++) {
    const name = closure.names[node] ?? '';
    const tile = tileOf(closure, node);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [tile]);
    else group.push(tile);
  }
  const parts = [...groups].flatMap(([label, tiles]): Part[] =>
    // A group of one would be a frame around nothing.
    tiles.length === 1 ? tiles : [{ label, parts: tiles }],
  );
  return { label: closure.title, parts };
}

function byHolder(closure: Closure, { holders }: Held): Part {
  const top: Part = { label: closure.title, parts: [] };
  const tiles: Part[] = [];
  for (let node = 0; node < closure.count; node++) {
    tiles.push(tileOf(closure, node));
  }
  const groups = new Map<number, Part>();
  for (const holder of holders) {
    const tile = tiles[holder];
    if (tile !== undefined && !groups.has(holder))
      groups.set(holder, { node: holder, label: labelOf(closure, holder), parts: [tile] });
  }
  for (const [node, tile] of tiles.entries()) {
    const around = groups.get(holders[node] ?? -1) ?? top;
    around.parts.push(groups.get(node) ?? tile);
  }
  // What a single root holds is everything: the frame around it says nothing.
  const only = top.parts.length === 1 ? top.parts[0] : undefined;
  return only === undefined || only.parts.length === 0 ? top : { ...only, node: undefined };
}

function tileOf({ names, versions }: Closure, node: number): Part {
  return { node, label: names[node] ?? '', version: versions[node] ?? '', parts: [] };
}
