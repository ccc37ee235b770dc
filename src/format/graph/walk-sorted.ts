/** The order in which Nix prints the nodes of its pictures. */
import { FerryError } from '../../error.ts';
import { numbersOf, referencesOf, type ReferenceGraph } from '../reference-graph.ts';
import { compareStorePaths, printStorePath, type StoreDir, type StorePath } from '../store-path.ts';

/**
 * Each node that can be reached, once: always the first by name of those that were met and not yet given. With a node
 * all that it refers to is met.
 * @param roots one that isn't in the graph is given as a path without a number, and ends the walk
 * @throws FerryError `not-found` after such a root
 */
export function* walkSorted(
  storeDir: StoreDir,
  graph: ReferenceGraph,
  roots: Iterable<StorePath>,
): Generator<{ readonly path: StorePath; readonly node?: number }, void, undefined> {
  const numbers = numbersOf(graph.paths);
  const heap: number[] = [];
  const met = new Uint8Array(graph.paths.length);
  const meet = (node: number): void => {
    if (met[node] === 1) return;
    met[node] = 1;
    push(heap, node);
  };
  let absent: StorePath | undefined;
  for (const root of roots) {
    const node = numbers.get(root);
    if (node !== undefined) meet(node);
    else if (absent === undefined || compareStorePaths(root, absent) < 0) absent = root;
  }
  for (let node = pop(heap); node !== undefined; node = pop(heap)) {
    const path = graph.paths[node] as StorePath;
    if (absent !== undefined && compareStorePaths(absent, path) < 0) break;
    yield { path, node };
    for (const target of referencesOf(graph, node)) meet(target);
  }
  if (absent === undefined) return;
  yield { path: absent };
  const printed = printStorePath(storeDir, absent);
  throw new FerryError('not-found', `path "${printed}" is not valid`, { path: printed });
}

/** Adds to a binary heap whose least number is first. */
function push(heap: number[], value: number): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] ?? 0;
    if (above <= value) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = value;
}

function pop(heap: number[]): number | undefined {
  const least = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return least;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if ((heap[child + 1] ?? Number.POSITIVE_INFINITY) < (heap[child] ?? 0)) child++;
    const below = heap[child] ?? 0;
    if (below >= last) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return least;
}
