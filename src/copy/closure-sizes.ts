/**
 * How much every path of a graph weighs with all that it refers to, each counted once. Such sums can't be had from those
 * of the references, which overlap: the closures themselves are computed, as sets of bits, and for all paths at once,
 * a few columns of that large matrix at a time. What takes walks of minutes for a hundred thousand paths so takes
 * seconds, and memory for one block of columns.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import type { PathInfo } from '../format/path-info.ts';
import {
  graphOfEdges,
  graphOfInfos,
  numbersOf,
  reachedFrom,
  topologicalOrder,
  type ReferenceGraph,
} from '../format/reference-graph.ts';
import type { StorePath } from '../format/store-path.ts';

export interface ClosureSizesOptions {
  /** By node; the sizes of NARs by default. Whole numbers, whose sum is below 2^53. */
  readonly weights?: Float64Array | undefined;
  /** Nodes whose sums are asked for, all by default. Those of others may be missing (0). */
  readonly of?: readonly number[] | undefined;
}

/** 32 columns each, so many words make a block. The loop over them is written out below. */
const WORDS = 8;
const COLUMNS = 32 * WORDS;
/** A word is looked up in the table by quarters. */
const TABLE = 4 * 256;
/** So few are walked to one by one. */
const WALKED_MAX = 32;

/**
 * By node: the sum over its closure. For thousands of nodes; `computeClosureSizes` lets others have their turn.
 * @throws FerryError `corrupt` for a cycle between different paths.
 */
export function closureSizes(
  graph: ReferenceGraph,
  options: ClosureSizesOptions = {},
): Float64Array {
  const summing = sumBlocks(graph, options);
  for (;;) {
    const { done, value } = summing.next();
    if (done === true) return value;
  }
}

export interface ComputeOptions extends ClosureSizesOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The same for graphs of any size: a hundred thousand nodes take seconds. */
export async function computeClosureSizes(
  graph: ReferenceGraph,
  { signal, ...options }: ComputeOptions = {},
): Promise<Float64Array> {
  const summing = sumBlocks(graph, options);
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = summing.next();
    if (done === true) return value;
    await breathe();
  }
}

/** Stops after each block but the last, which is after milliseconds. */
function* sumBlocks(
  graph: ReferenceGraph,
  { weights = graph.narSizes, of }: ClosureSizesOptions,
): Generator<undefined, Float64Array, undefined> {
  if (of !== undefined && of.length <= WALKED_MAX) return walkToEach(graph, weights, of);
  const order = topologicalOrder(graph);
  const ordered = inOrder(graph, order);
  const orderedWeights = Float64Array.from(order, (n) => weights[n] ?? 0);
  const sums = new Float64Array(order.length);
  const rows = new Int32Array(order.length * WORDS);
  const tables = new Float64Array(WORDS * TABLE);
  for (let first = 0; first < order.length; first += COLUMNS) {
    if (first > 0) yield;
    fillTables(tables, orderedWeights, first);
    addColumns(ordered, { first, rows, tables, sums });
  }
  const result = new Float64Array(order.length);
  for (let at = 0; at < order.length; at++) result[order[at] ?? 0] = sums[at] ?? 0;
  return result;
}

/** The same of infos, for those who have them already. */
export class ClosureSums {
  readonly #graph: ReferenceGraph;
  readonly #numbers: ReadonlyMap<StorePath, number>;
  readonly #asked: readonly number[];

  /** @param asked those in the closure whose sums are wanted */
  constructor(closure: ReadonlyMap<StorePath, PathInfo>, asked: Iterable<Pick<PathInfo, 'path'>>) {
    this.#graph = graphOfInfos(closure);
    this.#numbers = numbersOf(this.#graph.paths);
    this.#asked = Array.from(asked, ({ path }) => this.#numbers.get(path) ?? -1).filter(
      (n) => n >= 0,
    );
  }

  /** By default the sizes of NARs are summed up. */
  async sums(
    weigh?: (path: StorePath) => number,
    signal?: AbortSignal,
  ): Promise<(path: StorePath) => number> {
    const weights = weigh && Float64Array.from(this.#graph.paths, weigh);
    const sums = await computeClosureSizes(this.#graph, { weights, of: this.#asked, signal });
    return (path) => sums[this.#numbers.get(path) ?? -1] ?? 0;
  }
}

function walkToEach(
  graph: ReferenceGraph,
  weights: Float64Array,
  nodes: readonly number[],
): Float64Array {
  const sums = new Float64Array(graph.paths.length);
  for (const node of nodes) {
    const reached = reachedFrom(graph, [node]);
    let sum = 0;
    for (let n = 0; n < reached.length; n++) if (reached[n] === 1) sum += weights[n] ?? 0;
    sums[node] = sum;
  }
  return sums;
}

/** The references with nodes numbered by their places in `order`: all lead to lower numbers, and ascend. */
function inOrder(
  { paths, narSizes, offsets, targets }: ReferenceGraph,
  order: Uint32Array,
): Pick<ReferenceGraph, 'offsets' | 'targets'> {
  const places = new Uint32Array(order.length);
  for (let at = 0; at < order.length; at++) places[order[at] ?? 0] = at;
  const from: number[] = [];
  const to: number[] = [];
  for (let n = 0; n < order.length; n++) {
    for (let i = offsets[n] ?? 0; i < (offsets[n + 1] ?? 0); i++) {
      const target = targets[i] ?? 0;
      if (target === n) continue;
      from.push(places[n] ?? 0);
      to.push(places[target] ?? 0);
    }
  }
  return graphOfEdges({ paths, narSizes }, from, to);
}

/** For every eight columns of the block from `first` on, and every set of them, what they weigh together. */
function fillTables(tables: Float64Array, weights: Float64Array, first: number): void {
  for (let eight = 0; eight < COLUMNS / 8; eight++) {
    const at = eight * 256;
    for (let bit = 0; bit < 8; bit++) {
      const weight = weights[first + eight * 8 + bit] ?? 0;
      const half = 1 << bit;
      for (let set = 0; set < half; set++)
        tables[at + half + set] = (tables[at + set] ?? 0) + weight;
    }
  }
}

interface Block {
  /** Its first column. */
  readonly first: number;
  /** By node: its closure as far as it lies in this block. What lies before `first` is of the block before. */
  readonly rows: Int32Array;
  readonly tables: Float64Array;
  readonly sums: Float64Array;
}

/** Adds to the sum of every node what of its closure lies in the block. */
function addColumns(
  { offsets, targets }: Pick<ReferenceGraph, 'offsets' | 'targets'>,
  { first, rows, tables, sums }: Block,
): void {
  const count = sums.length;
  for (let n = first; n < count; n++) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let e = 0;
    let f = 0;
    let g = 0;
    let h = 0;
    const start = offsets[n] ?? 0;
    // They ascend: what lies before the block, which none of it can be reached from, ends the list.
    for (let i = (offsets[n + 1] ?? 0) - 1; i >= start; i--) {
      const target = targets[i] ?? 0;
      if (target < first) break;
      const at = target * WORDS;
      a |= rows[at] ?? 0;
      b |= rows[at + 1] ?? 0;
      c |= rows[at + 2] ?? 0;
      d |= rows[at + 3] ?? 0;
      e |= rows[at + 4] ?? 0;
      f |= rows[at + 5] ?? 0;
      g |= rows[at + 6] ?? 0;
      h |= rows[at + 7] ?? 0;
    }
    const row = n * WORDS;
    rows[row] = a;
    rows[row + 1] = b;
    rows[row + 2] = c;
    rows[row + 3] = d;
    rows[row + 4] = e;
    rows[row + 5] = f;
    rows[row + 6] = g;
    rows[row + 7] = h;
    const own = n - first;
    if (own < COLUMNS) {
      const word = row + (own >>> 5);
      rows[word] = (rows[word] ?? 0) | (1 << (own & 31));
    } else if ((a | b | c | d | e | f | g | h) === 0) {
      continue;
    }
    let sum = sums[n] ?? 0;
    for (let word = 0; word < WORDS; word++) {
      const bits = rows[row + word] ?? 0;
      const table = word * TABLE;
      sum +=
        (tables[table + (bits & 255)] ?? 0) +
        (tables[table + 256 + ((bits >>> 8) & 255)] ?? 0) +
        (tables[table + 512 + ((bits >>> 16) & 255)] ?? 0) +
        (tables[table + 768 + (bits >>> 24)] ?? 0);
    }
    sums[n] = sum;
  }
}
