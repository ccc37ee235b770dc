/** A closure as a tree of text, as `nix-store --query --tree` draws it. */
import { referencesOf, type ReferenceGraph } from '../reference-graph.ts';
import { makeOrderWithin } from './order-within.ts';

export interface TreeLinesOptions {
  /** What stands for a node; its base name by default. */
  readonly label?: ((node: number) => string) | undefined;
}

const BRANCH = '├───';
const LAST_BRANCH = '└───';
const LINE = '│   ';
const BLANK = '    ';
/** Columns of each of these. */
const INDENT = 4;

/**
 * Lines, each with its end, of one tree for each root. References come in the order in which they depend on each other,
 * which keeps the trees flat; what was printed before is marked by ` [...]`, and isn't unfolded again. A node that refers
 * to itself is among its own references.
 */
export function* treeLines(
  graph: ReferenceGraph,
  roots: Iterable<number>,
  options: TreeLinesOptions = {},
): Generator<string, void, undefined> {
  const { label = (node) => graph.paths[node] ?? '' } = options;
  const printed = new Uint8Array(graph.paths.length);
  const orderWithin = makeOrderWithin(graph);
  /** References of the nodes from the root to where we are, and which of them is next. */
  const open: { readonly children: Uint32Array; at: number }[] = [];
  /** What stands before the children of the innermost node; cut back when it is left, so that there is only one. */
  let pad = '';

  const enter = (node: number): void => {
    printed[node] = 1;
    open.push({ children: orderWithin(referencesOf(graph, node)).slice(), at: 0 });
  };
  const lineOf = (before: string, node: number): string =>
    `${before}${label(node)}${printed[node] === 1 ? ' [...]' : ''}\n`;

  for (const root of roots) {
    yield lineOf('', root);
    if (printed[root] !== 1) enter(root);
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const child = top.children[top.at++];
      if (child === undefined) {
        open.pop();
        pad = pad.slice(0, -INDENT);
        continue;
      }
      const isLast = top.at === top.children.length;
      yield lineOf(pad + (isLast ? LAST_BRANCH : BRANCH), child);
      if (printed[child] === 1) continue;
      enter(child);
      pad += isLast ? BLANK : LINE;
    }
  }
}
