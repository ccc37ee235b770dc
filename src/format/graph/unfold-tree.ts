/**
 * A graph unfolded into trees, for lines of text: every node is unfolded once, where it is first met; further lines of
 * it have nothing below them.
 */
import { referencesOf, type ReferenceGraph } from '../reference-graph.ts';
import { makeOrderWithin, type OrderWithin } from './order-within.ts';

export interface TreeLine {
  readonly node: number;
  /** What stands in front of it: `│   └───`. */
  readonly branch: string;
  /** Roots have depth 0. */
  readonly depth: number;
  /** It was unfolded further up. */
  readonly isRepeated: boolean;
  /** How many references of it aren't shown for being too deep; they may be further on, nearer to a root. */
  readonly hidden: number;
}

export interface UnfoldOptions {
  /**
   * The order of the references of a node. By default it is that in which they depend on each other, which keeps the
   * trees flat. What it gives may be overwritten by its next call.
   */
  readonly order?: OrderWithin | undefined;
  /** Levels below a root. All by default. */
  readonly depthMax?: number | undefined;
}

const BRANCH = '├───';
const LAST_BRANCH = '└───';
const LINE = '│   ';
const BLANK = '    ';
/** Columns of each of these. */
const INDENT = 4;

/** One tree for each root. A node that refers to itself is among its own references. */
export function* unfoldTree(
  graph: ReferenceGraph,
  roots: Iterable<number>,
  { order = makeOrderWithin(graph), depthMax = Infinity }: UnfoldOptions = {},
): Generator<TreeLine, void, undefined> {
  const unfolded = new Uint8Array(graph.paths.length);
  /** References of the nodes from the root to where we are, and which of them is next. */
  const open: { readonly children: Uint32Array; at: number }[] = [];
  /** What stands before the children of the innermost node; cut back when it is left, so that there is only one. */
  let pad = '';

  /** Whether its references follow. */
  const enter = (node: number): boolean => {
    if (unfolded[node] === 1 || open.length >= depthMax) return false;
    unfolded[node] = 1;
    open.push({ children: order(referencesOf(graph, node)).slice(), at: 0 });
    return true;
  };
  const lineOf = (branch: string, node: number): TreeLine => {
    const isRepeated = unfolded[node] === 1;
    const depth = open.length;
    const hidden = !isRepeated && depth >= depthMax ? referencesOf(graph, node).length : 0;
    return { node, branch, depth, isRepeated, hidden };
  };

  for (const root of roots) {
    yield lineOf('', root);
    enter(root);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const child = top.children[top.at++];
      if (child === undefined) {
        open.pop();
        pad = pad.slice(0, -INDENT);
        continue;
      }
      const isLast = top.at === top.children.length;
      yield lineOf(pad + (isLast ? LAST_BRANCH : BRANCH), child);
      if (enter(child)) pad += isLast ? BLANK : LINE;
    }
  }
}
