/** A closure for Graphviz, as `nix-store --query --graph` prints it, to the letter. */
import { referencesOf, type ReferenceGraph } from '../reference-graph.ts';
import { nameOf, type StoreDir, type StorePath } from '../store-path.ts';
import { walkSorted } from './walk-sorted.ts';

/** Edges take turns, those of the whole picture. */
const COLOURS = ['black', 'red', 'green', 'blue', 'magenta', 'burlywood'];

/**
 * Pieces of text, one for each node with its edges, which lead from what is referred to. Names of store paths have
 * nothing in them that would have to be quoted.
 * @throws FerryError `not-found` for a root that isn't in the graph, where Nix does: in its turn, its node being told.
 */
export function* dotOf(
  storeDir: StoreDir,
  graph: ReferenceGraph,
  roots: Iterable<StorePath>,
): Generator<string, void, undefined> {
  let edges = 0;
  yield 'digraph G {\n';
  for (const { path, node } of walkSorted(storeDir, graph, roots)) {
    let text = `"${path}" [label = "${nameOf(path)}", shape = box, style = filled, fillcolor = "#ff0000"];\n`;
    for (const target of node === undefined ? [] : referencesOf(graph, node)) {
      if (target === node) continue;
      const colour = COLOURS[edges++ % COLOURS.length];
      text += `"${graph.paths[target]}" -> "${path}" [color = "${colour}"];\n`;
    }
    yield text;
  }
  yield '}\n';
}
