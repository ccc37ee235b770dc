/** Queries whose answer is a picture of closures: trees, dot, GraphML. */
import { loadReferenceGraph } from '../../../copy/reference-graph.ts';
import type { ReferenceGraph } from '../../../format/reference-graph.ts';
import type { StoreDir, StorePath } from '../../../format/store-path.ts';
import { numbersOf } from '../../../format/reference-graph.ts';
import { printPieces } from '../../print-pieces.ts';
import { findQueryTargets, pathsOfTargets, type QueryScene } from './query-targets.ts';
import { notValid } from './require-info.ts';
import { followWords } from './store-path-words.ts';

/** `--tree`: of the words themselves, whatever else was asked for. */
export async function printTrees(scene: QueryScene): Promise<void> {
  const { call, store, words } = scene;
  const { storeDir } = store;
  const { paths, failure } = followWords(call.context, store, words);
  const { graph, firstInvalid } = await loadValid(scene, paths);
  const numbers = numbersOf(graph.paths);
  const roots = (firstInvalid === undefined ? paths : paths.slice(0, firstInvalid)).map(
    (path) => numbers.get(path) ?? 0,
  );
  const { treeLines } = await import('../../../format/graph/tree-lines.ts');
  function* pieces(): Generator<string> {
    yield* treeLines(graph, roots, { label: (node) => `${storeDir}/${graph.paths[node]}` });
    if (firstInvalid !== undefined) {
      // Nix has printed it by the time it finds out.
      const invalid = paths[firstInvalid] as StorePath;
      yield `${storeDir}/${invalid}\n`;
      throw notValid(store, invalid);
    }
    if (failure !== undefined) throw failure.error;
  }
  await printPieces(call.context.stdout, pieces());
}

type Picture = (
  storeDir: StoreDir,
  graph: ReferenceGraph,
  roots: Iterable<StorePath>,
) => Iterable<string>;

/** `--graph` */
export async function printDot(scene: QueryScene): Promise<void> {
  const { dotOf } = await import('../../../format/graph/dot.ts');
  await printPicture(scene, dotOf);
}

/** `--graphml` */
export async function printGraphml(scene: QueryScene): Promise<void> {
  const { graphmlOf } = await import('../../../format/graph/graphml.ts');
  await printPicture(scene, graphmlOf);
}

async function printPicture(scene: QueryScene, draw: Picture): Promise<void> {
  const roots = pathsOfTargets(await findQueryTargets(scene));
  const { graph } = await loadValid(scene, roots);
  await printPieces(scene.call.context.stdout, draw(scene.store.storeDir, graph, roots));
}

/** The closures of those that are valid; which is the first that isn't. */
async function loadValid(
  { store, call }: QueryScene,
  paths: readonly StorePath[],
): Promise<{ graph: ReferenceGraph; firstInvalid: number | undefined }> {
  const { signal } = call.context;
  const valid = await store.queryValidPaths(paths, { signal });
  const firstInvalid = paths.findIndex((path) => !valid.has(path));
  const graph = await loadReferenceGraph(store, [...valid], { signal });
  return { graph, firstInvalid: firstInvalid < 0 ? undefined : firstInvalid };
}
