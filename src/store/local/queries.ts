/** What the database of a store is asked. Nothing here waits or changes anything. */
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import {
  compareStorePaths,
  isDerivation,
  isStorePathBaseName,
  parseStorePath,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';
import { infoColumns, infoOfRow, type InfoRow } from './rows.ts';

/** To be called within `SqliteDatabase.read` or a transaction, so that answers of one call fit together. */
export interface StoreQueries {
  idOf(path: StorePath): number | undefined;
  isValid(path: StorePath): boolean;
  infoOf(path: StorePath): PathInfo | undefined;
  /** @throws FerryError `not-found` naming the first root that isn't valid. */
  closureOf(roots: Iterable<StorePath>, includeOutputs: boolean): Map<StorePath, PathInfo>;
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
  const byId = db.query<Row>(
    `select ${infoColumns}, (select group_concat(reference, ' ') from Refs where referrer = v.id) from ValidPaths v where id = ?`,
  );
  const referrers = db.query<[string]>(
    'select v.path from ValidPaths r join Refs on reference = r.id join ValidPaths v on referrer = v.id where r.path = ?',
  );
  const outputIds = db.query<[number]>(
    'select v.id from DerivationOutputs o join ValidPaths v on v.path = o.path where o.drv = ?',
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
      // By row ids, which are small and quick: each path is turned into text once.
      const rows = new Map<number, { path: StorePath; row: Row; references: number[] }>();
      const queue: number[] = [];
      for (const root of roots) queue.push(idOf(root) ?? fail(print(root)));
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        if (rows.has(next)) continue;
        const row = byId.get(next);
        if (row === undefined) continue;
        const path = parse(row[1]);
        const ids = words(row[9]).map(Number);
        rows.set(next, { path, row, references: ids });
        for (const reference of ids) if (!rows.has(reference)) queue.push(reference);
        if (includeOutputs && isDerivation(path)) {
          for (const [output] of outputIds.all(next)) queue.push(output);
        }
      }
      const closure = new Map<StorePath, PathInfo>();
      for (const { path, row, references: ids } of rows.values()) {
        const names: StorePath[] = [];
        for (const reference of ids) {
          const known = rows.get(reference);
          if (known !== undefined) names.push(known.path);
        }
        closure.set(path, infoOfRow(storeDir, path, row, names.sort(compareStorePaths)));
      }
      return closure;
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

  function fail(path: string): never {
    throw new FerryError('not-found', `path "${path}" is not valid`, { path });
  }
}

function words(text: string | null): string[] {
  return text === null ? [] : text.split(' ');
}
