/**
 * The references of a closure out of the database, without the infos. A closure that is a small part of the store is
 * walked; one that is much of it is cut out of the whole, which SQLite reads in a fifth of the time that walking takes.
 */
import { graphOfEdges, subgraphOf, type ReferenceGraph } from '../../format/reference-graph.ts';
import {
  compareStorePaths,
  parseStorePath,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';
import { closureSql } from './closure-sql.ts';

export interface GraphQuery {
  readonly storeDir: StoreDir;
  /** With the valid outputs of every derivation in it. */
  readonly includeOutputs: boolean;
}

/** A row for each path; `references` are row ids with a blank between each two. */
type WalkedRow = readonly [
  id: number,
  path: string,
  narSize: number | null,
  references: string | null,
];
type PathRow = readonly [id: number, path: string, narSize: number | null];

/** Paths that are walked whatever the size of the store. */
const WALKED_MIN = 1000;
/** Of larger stores this part is: where the closure is larger still, a sixth of the time was lost. */
const WALKED_PART = 1 / 16;
/** Row ids of which the references are read at once: a few megabytes of text. */
const IDS_AT_ONCE = 100_000;
/** More row ids than this for each row are not worth an array. */
const ID_GAPS_MAX = 32;

/** To be called within `SqliteDatabase.read`. Roots that aren't valid give nothing. */
export function queryReferenceGraph(
  db: SqliteDatabase,
  roots: readonly StorePath[],
  query: GraphQuery,
): ReferenceGraph {
  const printed = JSON.stringify(roots.map((root) => printStorePath(query.storeDir, root)));
  if (query.includeOutputs) return graphOfRows(walk(db, printed, query, -1), query);
  const [count = 0] = db.query<[number]>('select count(*) from ValidPaths').get() ?? [];
  const walkedMax = Math.max(WALKED_MIN, Math.floor(count * WALKED_PART));
  const rows = walk(db, printed, query, walkedMax + 1);
  if (rows.length <= walkedMax) return graphOfRows(rows, query);
  return cutOut(db, roots, query);
}

/** @param max rows at the most; without a limit where it is negative */
function walk(
  db: SqliteDatabase,
  printedRoots: string,
  { includeOutputs }: GraphQuery,
  max: number,
): WalkedRow[] {
  const sql = closureSql('id, path, narSize', { includeOutputs, limited: true });
  return db.query<WalkedRow>(sql).all(printedRoots, max);
}

function graphOfRows(rows: readonly WalkedRow[], { storeDir }: GraphQuery): ReferenceGraph {
  const nodes = rows
    .map((row) => ({ row, path: parseStorePath(storeDir, row[1]) }))
    .sort((a, b) => compareStorePaths(a.path, b.path));
  const numbers = new Map(nodes.map(({ row: [id] }, n) => [id, n]));
  const from: number[] = [];
  const to: number[] = [];
  for (const [n, { row }] of nodes.entries()) {
    for (const text of row[3]?.split(' ') ?? []) {
      const target = numbers.get(Number(text));
      if (target === undefined) continue;
      from.push(n);
      to.push(target);
    }
  }
  const paths = nodes.map(({ path }) => path);
  const narSizes = Float64Array.from(nodes, ({ row }) => row[2] ?? 0);
  return graphOfEdges({ paths, narSizes }, from, to);
}

/** The whole store, and of that what the roots lead to. */
function cutOut(
  db: SqliteDatabase,
  roots: readonly StorePath[],
  { storeDir }: GraphQuery,
): ReferenceGraph {
  const rows = db.query<PathRow>('select id, path, narSize from ValidPaths order by path').all();
  const numberOf = numbering(rows);
  const from: number[] = [];
  const to: number[] = [];
  const references = db.query<[string, string]>(
    'select json_group_array(referrer), json_group_array(reference) from Refs where referrer >= ? and referrer < ?',
  );
  const [last] = db.query<[number | null]>('select max(referrer) from Refs').get() ?? [];
  for (let id = 0; id <= (last ?? -1); id += IDS_AT_ONCE) {
    const [referrerTexts = '[]', targetTexts = '[]'] = references.get(id, id + IDS_AT_ONCE) ?? [];
    const referrers: readonly number[] = JSON.parse(referrerTexts);
    const targets: readonly number[] = JSON.parse(targetTexts);
    for (let i = 0; i < referrers.length; i++) {
      const n = numberOf(referrers[i] ?? 0);
      const target = numberOf(targets[i] ?? 0);
      if (n === undefined || target === undefined) continue;
      from.push(n);
      to.push(target);
    }
  }
  const wanted = new Set(roots.map((root) => printStorePath(storeDir, root)));
  const starts = [...rows.keys()].filter((n) => wanted.has(rows[n]?.[1] ?? ''));
  const narSizes = Float64Array.from(rows, ([, , narSize]) => narSize ?? 0);
  // As texts until it is known which of them are told: the others are nobody's business here.
  const texts = rows.map(([, text]) => text as StorePath);
  const closure = subgraphOf(graphOfEdges({ paths: texts, narSizes }, from, to), starts);
  return { ...closure, paths: closure.paths.map((text) => parseStorePath(storeDir, text)) };
}

/** The number of the row with an id. An array where ids are close together, which they are until much was collected. */
function numbering(rows: readonly PathRow[]): (id: number) => number | undefined {
  const last = rows.reduce((max, [id]) => Math.max(max, id), 0);
  if (last > ID_GAPS_MAX * rows.length) {
    const numbers = new Map(rows.map(([id], n) => [id, n]));
    return (id) => numbers.get(id);
  }
  const numbers = new Int32Array(last + 1).fill(-1);
  for (let n = 0; n < rows.length; n++) numbers[rows[n]?.[0] ?? 0] = n;
  return (id) => {
    const n = numbers[id] ?? -1;
    return n < 0 ? undefined : n;
  };
}
