/** What the database of a store is asked. Nothing here waits or changes anything. */
import type { PathInfo } from '../../format/path-info.ts';
import {
  compareStorePaths,
  isStorePathBaseName,
  parseStorePath,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';
import { closureSql } from './closure-sql.ts';
import { infoColumns, infoOfRow, type InfoRow } from './rows.ts';

/** To be called within `SqliteDatabase.read` or a transaction, so that answers of one call fit together. */
export interface StoreQueries {
  idOf(path: StorePath): number | undefined;
  isValid(path: StorePath): boolean;
  infoOf(path: StorePath): PathInfo | undefined;
  /**
   * Roots that aren't valid give nothing. The database has been asked when this returns; what the infos then cost may
   * be spread over time by whoever iterates.
   */
  closureOf(roots: Iterable<StorePath>, includeOutputs: boolean): Iterable<[StorePath, PathInfo]>;
  /** Valid outputs of a derivation. */
  outputsOf(drv: StorePath): StorePath[];
  /** Valid derivations that have this path as an output. */
  deriversOf(path: StorePath): StorePath[];
  referrersOf(path: StorePath): StorePath[];
  pathOfHashPart(hashPart: string): StorePath | undefined;
  allPaths(): StorePath[];
}

/** With the references last, a blank between each two. */
type Row = readonly [...InfoRow, string | null];

export function makeQueries(db: SqliteDatabase, storeDir: StoreDir): StoreQueries {
  const prefixLength = storeDir.length + 1;
  const print = (path: StorePath): string => printStorePath(storeDir, path);
  /** What the database holds lies in its own store directory; a row that doesn't is no path of this store. */
  const parse = (text: string): StorePath => {
    const baseName = text.slice(prefixLength);
    return isStorePathBaseName(baseName) && text.startsWith(`${storeDir}/`)
      ? baseName
      : parseStorePath(storeDir, text);
  };
  const parseAll = (rows: readonly (readonly [string])[]): StorePath[] =>
    rows.map(([text]) => parse(text)).sort(compareStorePaths);

  const id = db.query<[number]>('select id from ValidPaths where path = ?');
  // References come joined into one text: a row for each of them would take most of the time.
  const byPath = db.query<Row>(
    `select ${infoColumns}, (select group_concat(r.path, ' ') from Refs join ValidPaths r on reference = r.id where referrer = v.id) from ValidPaths v where path = ?`,
  );
  const closure = db.query<Row>(closureSql(infoColumns, { includeOutputs: false }));
  const closureWithOutputs = db.query<Row>(closureSql(infoColumns, { includeOutputs: true }));
  const referrers = db.query<[string]>(
    'select v.path from ValidPaths r join Refs on reference = r.id join ValidPaths v on referrer = v.id where r.path = ?',
  );
  const outputs = db.query<[string]>(
    'select o.path from ValidPaths d join DerivationOutputs o on o.drv = d.id join ValidPaths v on v.path = o.path where d.path = ?',
  );
  const derivers = db.query<[string]>(
    'select d.path from DerivationOutputs o join ValidPaths d on d.id = o.drv where o.path = ?',
  );
  const fromText = db.query<[string]>(
    'select path from ValidPaths where path >= ? order by path limit 1',
  );
  const all = db.query<[string]>('select path from ValidPaths order by path');

  function* infosOf(
    rows: readonly Row[],
    paths: ReadonlyMap<number, StorePath>,
  ): Generator<[StorePath, PathInfo]> {
    for (const row of rows) {
      const path = paths.get(row[0]);
      if (path === undefined) continue;
      const references: StorePath[] = [];
      for (const id of words(row[9])) {
        const reference = paths.get(Number(id));
        if (reference !== undefined) references.push(reference);
      }
      yield [path, infoOfRow(storeDir, path, row, references.sort(compareStorePaths))];
    }
  }

  const idOf = (path: StorePath): number | undefined => id.get(print(path))?.[0];

  return {
    idOf,
    isValid: (path) => idOf(path) !== undefined,
    infoOf(path) {
      const row = byPath.get(print(path));
      if (row === undefined) return undefined;
      const names = words(row[9]).map(parse).sort(compareStorePaths);
      return infoOfRow(storeDir, path, row, names);
    },
    closureOf(roots, includeOutputs) {
      const query = includeOutputs ? closureWithOutputs : closure;
      const rows = query.all(JSON.stringify(Array.from(roots, print)));
      const paths = new Map<number, StorePath>();
      for (const row of rows) paths.set(row[0], parse(row[1]));
      return infosOf(rows, paths);
    },
    outputsOf: (drv) => parseAll(outputs.all(print(drv))),
    deriversOf: (path) => parseAll(derivers.all(print(path))),
    referrersOf: (path) => parseAll(referrers.all(print(path))),
    pathOfHashPart(hashPart) {
      const prefix = `${storeDir}/${hashPart}`;
      const text = fromText.get(prefix)?.[0];
      return text?.startsWith(`${prefix}-`) === true ? parse(text) : undefined;
    },
    allPaths: () => parseAll(all.all()),
  };
}

function words(text: string | null): string[] {
  return text === null ? [] : text.split(' ');
}
