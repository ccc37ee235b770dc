/** A closure for graph editors (GraphML), as `nix-store --query --graphml` prints it, to the letter. */
import { referencesOf, type ReferenceGraph } from '../reference-graph.ts';
import { isDerivation, nameOf, type StoreDir, type StorePath } from '../store-path.ts';
import { walkSorted } from './walk-sorted.ts';

const HEAD = `<?xml version='1.0' encoding='utf-8'?>
<graphml xmlns='http://graphml.graphdrawing.org/xmlns'
    xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'
    xsi:schemaLocation='http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd'>
<key id='narSize' for='node' attr.name='narSize' attr.type='long'/><key id='name' for='node' attr.name='name' attr.type='string'/><key id='type' for='node' attr.name='type' attr.type='string'/><graph id='G' edgedefault='directed'>
`;

/**
 * Pieces of text, one for each node with its edges, which lead to what is referred to. Names of store paths have nothing
 * in them that would have to be quoted.
 * @throws FerryError `not-found` for a root that isn't in the graph, in its turn.
 */
export function* graphmlOf(
  storeDir: StoreDir,
  graph: ReferenceGraph,
  roots: Iterable<StorePath>,
): Generator<string, void, undefined> {
  yield HEAD;
  for (const { path, node } of walkSorted(storeDir, graph, roots)) {
    if (node === undefined) continue;
    const type = isDerivation(path) ? 'derivation' : 'output-path';
    let text = `  <node id="${path}">
    <data key="narSize">${graph.narSizes[node]}</data>
    <data key="name">${shortName(path)}</data>
    <data key="type">${type}</data>
  </node>
`;
    for (const target of referencesOf(graph, node)) {
      if (target !== node) text += `  <edge source="${path}" target="${graph.paths[target]}"/>\n`;
    }
    yield text;
  }
  yield '</graph>\n</graphml>\n';
}

/** Nix's own: up to the first dash, which stays with it; nothing where there is none. */
function shortName(path: StorePath): string {
  const name = nameOf(path);
  return name.slice(0, name.indexOf('-') + 1);
}
