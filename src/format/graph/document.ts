/**
 * A closure as one document: what `ferry graph --format json` prints, and what pictures of a closure are drawn from.
 * Within a version fields may be added; none is renamed, removed or given another meaning.
 */
import { splitPackageName } from '../package-name.ts';
import { referencesOf, type ReferenceGraph } from '../reference-graph.ts';
import { nameOf, printStorePath, type StoreDir } from '../store-path.ts';

export interface GraphDocument {
  readonly version: 1;
  readonly storeDir: StoreDir;
  /** For people: what the picture is of. */
  readonly title: string;
  /** Nodes that were asked for, by number. */
  readonly roots: readonly number[];
  /** Closed, and sorted by path. */
  readonly nodes: readonly GraphNode[];
}

export interface GraphNode {
  /** In full. */
  readonly path: string;
  /** What follows the hash part, but for the version: `glibc` of `glibc-2.38`. */
  readonly name: string;
  /** Absent where the name tells none. An output stays with it: `2.38-bin`. */
  readonly version?: string;
  /** Bytes of its NAR; 0 where that isn't known. */
  readonly narSize: number;
  /** Bytes of the NARs of all it refers to, its own among them, each counted once. */
  readonly closureSize: number;
  /** What it refers to, by number and ascending; a reference to itself is left out. */
  readonly references: readonly number[];
}

export interface GraphDocumentParts {
  readonly title: string;
  readonly roots: readonly number[];
  /** By number, as `copy/closure-sizes.ts` computes them. */
  readonly closureSizes: Float64Array;
}

export function graphDocument(
  storeDir: StoreDir,
  graph: ReferenceGraph,
  { title, roots, closureSizes }: GraphDocumentParts,
): GraphDocument {
  const nodes = graph.paths.map((path, n): GraphNode => {
    const { name, version } = splitPackageName(nameOf(path));
    return {
      path: printStorePath(storeDir, path),
      name,
      ...(version === '' ? {} : { version }),
      narSize: graph.narSizes[n] ?? 0,
      closureSize: closureSizes[n] ?? 0,
      references: [...referencesOf(graph, n)].filter((target) => target !== n),
    };
  });
  return { version: 1, storeDir, title, roots, nodes };
}
