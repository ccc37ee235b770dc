/**
 * All that a database knows of which path needs which, as numbers in typed arrays: whether any of a hundred thousand paths
 * is needed is then told without asking for each.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { numbersOf, type ReferenceGraph } from '../../format/reference-graph.ts';
import {
  hashPartLength,
  isStorePathBaseName,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { SqliteDatabase, SqlValue } from '../../system/sqlite.ts';
import type { CallOptions } from '../store.ts';

/** Every valid path. Nodes are numbered in the order of their base names. */
export interface ValidGraph extends ReferenceGraph {
  readonly numbers: ReadonlyMap<StorePath, number>;
  /** By node: the number of its deriver where that is valid, else −1. */
  readonly derivers: Int32Array;
  /** Derivations and their valid outputs: `outputs[i]` is one of `drvs[i]`. */
  readonly drvs: Uint32Array;
  readonly outputs: Uint32Array;
  /** What rows refer to that are no paths of this store: nobody knows what those are, so they and this stay. */
  readonly pinned: readonly number[];
}

/** Of a store that isn't there. */
export const emptyGraph: ValidGraph = {
  paths: [],
  numbers: new Map(),
  narSizes: new Float64Array(0),
  offsets: new Uint32Array(1),
  targets: new Uint32Array(0),
  derivers: new Int32Array(0),
  drvs: new Uint32Array(0),
  outputs: new Uint32Array(0),
  pinned: [],
};

/** Rows that are read before everything else gets its turn: some ten milliseconds. */
const ROWS = 2000;

type PathRow = [
  path: string,
  id: number,
  narSize: number | null,
  deriver: string | null,
  references: string | null,
];
type OutputRow = [rowId: number, drv: number, path: string];

interface Loaded {
  readonly path: StorePath;
  readonly id: number;
  readonly narSize: number;
  readonly deriver: string | null;
  readonly references: Uint32Array | readonly number[];
}

/** What is added while this reads may be left out. The caller sees to it that nothing is removed. */
export async function loadValidGraph(
  db: SqliteDatabase,
  storeDir: StoreDir,
  { signal }: CallOptions = {},
): Promise<ValidGraph> {
  const prefix = `${storeDir}/`;
  const pathOf = (text: string): StorePath | undefined => {
    const name = text.slice(prefix.length);
    return text.startsWith(prefix) && isStorePathBaseName(name) ? name : undefined;
  };
  const loaded: Loaded[] = [];
  const pinnedIds: number[] = [];
  const pathRows = db.query<PathRow>(
    `select path, id, max(0, min(narSize, ${Number.MAX_SAFE_INTEGER})), deriver, (select group_concat(reference, ' ') from Refs where referrer = v.id) from ValidPaths v where path > ? order by path limit ${ROWS}`,
  );
  // In the order of their paths: the index has it, and sorting here would take as long as all the rest.
  for await (const rows of inBatches(db, pathRows, '', signal)) {
    for (const [text, id, narSize, deriver, references] of rows) {
      const path = pathOf(text);
      const ids = numbersIn(references);
      if (path === undefined) pinnedIds.push(...ids);
      else loaded.push({ path, id, narSize: narSize ?? 0, deriver, references: ids });
    }
  }
  const paths = loaded.map(({ path }) => path);
  const numbers = numbersOf(paths);
  const nodes = new Map(loaded.map(({ id }, n) => [id, n]));
  const { narSizes, offsets, targets, derivers } = linked(loaded, nodes, (text) => {
    const path = pathOf(text);
    return path === undefined ? undefined : numbers.get(path);
  });
  const drvs: number[] = [];
  const outputs: number[] = [];
  const outputRows = db.query<OutputRow>(
    `select rowid, drv, path from DerivationOutputs where rowid > ? order by rowid limit ${ROWS}`,
  );
  for await (const rows of inBatches(db, outputRows, Number.MIN_SAFE_INTEGER, signal)) {
    for (const [, drvId, text] of rows) {
      const drv = nodes.get(drvId);
      const path = pathOf(text);
      const output = path === undefined ? undefined : numbers.get(path);
      if (drv === undefined || output === undefined) continue;
      drvs.push(drv);
      outputs.push(output);
    }
  }
  return {
    paths,
    numbers,
    narSizes,
    offsets,
    targets,
    derivers,
    drvs: Uint32Array.from(drvs),
    outputs: Uint32Array.from(outputs),
    pinned: pinnedIds.flatMap((id) => nodes.get(id) ?? []),
  };
}

/** The nodes with a hash part: one, as a rule. */
export function nodesOfHashPart({ paths }: ReferenceGraph, hashPart: string): number[] {
  let low = 0;
  let high = paths.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((paths[middle] ?? '') < hashPart) low = middle + 1;
    else high = middle;
  }
  const nodes: number[] = [];
  while (paths[low]?.slice(0, hashPartLength) === hashPart) nodes.push(low++);
  return nodes;
}

function linked(
  loaded: readonly Loaded[],
  nodes: ReadonlyMap<number, number>,
  nodeOf: (text: string) => number | undefined,
): Pick<ValidGraph, 'narSizes' | 'offsets' | 'targets' | 'derivers'> {
  const count = loaded.length;
  const narSizes = new Float64Array(count);
  const offsets = new Uint32Array(count + 1);
  const derivers = new Int32Array(count);
  const targets = new Uint32Array(
    loaded.reduce((sum, { references }) => sum + references.length, 0),
  );
  let end = 0;
  for (const [n, { narSize, deriver, references }] of loaded.entries()) {
    narSizes[n] = narSize;
    derivers[n] = (deriver === null ? undefined : nodeOf(deriver)) ?? -1;
    const start = end;
    for (const id of references) {
      const target = nodes.get(id);
      if (target !== undefined) targets[end++] = target;
    }
    targets.subarray(start, end).sort();
    offsets[n + 1] = end;
  }
  return { narSizes, offsets, targets: targets.subarray(0, end), derivers };
}

/** Rows by what comes first in them, ascending. */
async function* inBatches<Key extends string | number, Row extends [Key, ...SqlValue[]]>(
  db: SqliteDatabase,
  query: { all(after: Key): Row[] },
  least: Key,
  signal: AbortSignal | undefined,
): AsyncGenerator<Row[]> {
  for (let after = least; ; ) {
    const from = after;
    const rows = await db.read(() => query.all(from), signal);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = last[0];
    await breathe();
  }
}

function numbersIn(text: string | null): number[] {
  return text === null ? [] : text.split(' ').map(Number);
}
