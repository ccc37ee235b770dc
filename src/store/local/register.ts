/** Writes to the database: to be called within `SqliteDatabase.transaction`. */
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';
import type { StoreQueries } from './queries.ts';
import { rowOfInfo, signaturesOfText, textOfSignatures } from './rows.ts';

/** A path that lies in the store, whole, and is to become valid. */
export interface Registration {
  readonly info: PathInfo;
  /** Paths of the outputs where it is a derivation. */
  readonly outputs: ReadonlyMap<string, StorePath>;
}

export interface Registrar {
  /**
   * Makes paths valid, each after those that it refers to. One that refers to what isn't valid is left out and comes
   * back with its error.
   * @param now in seconds since 1970, for infos that don't say when they were registered.
   */
  register(registrations: readonly Registration[], now: number): Map<StorePath, FerryError>;
  /** How many were new. @throws FerryError `not-found` where the path isn't valid. */
  addSignatures(path: StorePath, signatures: readonly string[]): number;
}

export function makeRegistrar(
  db: SqliteDatabase,
  storeDir: StoreDir,
  queries: StoreQueries,
): Registrar {
  const insert = db.statement(
    'insert into ValidPaths (path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca) values (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const insertReference = db.statement('insert or replace into Refs values (?, ?)');
  const insertOutput = db.statement('insert or replace into DerivationOutputs values (?, ?, ?)');
  const signatures = db.query<[number, string | null]>(
    'select id, sigs from ValidPaths where path = ?',
  );
  const updateSignatures = db.statement('update ValidPaths set sigs = ? where id = ?');

  /** Row ids of the references; its own, which it doesn't have yet, is left out. */
  const referenceIds = (info: PathInfo): number[] => {
    const ids: number[] = [];
    for (const reference of info.references) {
      if (reference === info.path) continue;
      const id = queries.idOf(reference);
      if (id === undefined) throw notValid(info.path, reference);
      ids.push(id);
    }
    return ids;
  };

  const notValid = (path: StorePath, reference: StorePath): FerryError => {
    const printed = printStorePath(storeDir, path);
    const missing = printStorePath(storeDir, reference);
    return new FerryError(
      'not-found',
      `cannot add path "${printed}": it refers to path "${missing}", which is not valid`,
      { path: printed },
    );
  };

  return {
    register(registrations, now) {
      const failures = new Map<StorePath, FerryError>();
      for (const { info, outputs } of registrations) {
        if (queries.isValid(info.path)) continue;
        let ids: number[];
        try {
          ids = referenceIds(info);
        } catch (error) {
          if (!(error instanceof FerryError) || error.code !== 'not-found') throw error;
          failures.set(info.path, error);
          continue;
        }
        const id = insert.run(...rowOfInfo(storeDir, info, now));
        if (info.references.includes(info.path)) ids.push(id);
        for (const reference of ids) insertReference.run(id, reference);
        for (const [name, output] of outputs) {
          insertOutput.run(id, name, printStorePath(storeDir, output));
        }
      }
      return failures;
    },
    addSignatures(path, added) {
      const printed = printStorePath(storeDir, path);
      const row = signatures.get(printed);
      if (row === undefined) {
        throw new FerryError('not-found', `cannot sign path "${printed}": it is not valid`, {
          path: printed,
        });
      }
      const known = new Set(signaturesOfText(row[1]));
      const before = known.size;
      for (const signature of added) known.add(signature);
      if (known.size > before) updateSignatures.run(textOfSignatures(known), row[0]);
      return known.size - before;
    },
  };
}
