/** A closure as a tree of text, as `nix-store --query --tree` draws it. */
import type { ReferenceGraph } from '../reference-graph.ts';
import { unfoldTree, type UnfoldOptions } from './unfold-tree.ts';

export interface TreeLinesOptions extends UnfoldOptions {
  /** What stands for a node; its base name by default. */
  readonly label?: ((node: number) => string) | undefined;
}

/** Lines, each with its end; what was unfolded before is marked by ` [...]`. */
export function* treeLines(
  graph: ReferenceGraph,
  roots: Iterable<number>,
  options: TreeLinesOptions = {},
): Generator<string, void, undefined> {
  const { label = (node) => graph.paths[node] ?? '', ...rest } = options;
  for (const { node, branch, isRepeated } of unfoldTree(graph, roots, rest)) {
    yield `${branch}${label(node)}${isRepeated ? ' [...]' : ''}\n`;
  }
}
