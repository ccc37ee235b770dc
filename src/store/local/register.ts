/** Writes to the database: to be called within `SqliteDatabase.transaction`. */
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import {
  isDerivation,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';
import type { StoreQueries } from './queries.ts';
import { contentsOfInfo, rowOfInfo, signaturesOfText, textOfSignatures } from './rows.ts';

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
  /**
   * Makes paths valid that may refer to each other in any order. Those that are valid already get what their infos say
   * of the contents, and the references beside those that they have: as Nix does it, also in what it leaves alone, which
   * is deriver, outputs and time.
   * @param outputsOf the outputs of a derivation that wasn't valid
   * @throws FerryError `not-found` for a reference that isn't valid then: nothing of this may stay.
   */
  registerTogether(
    infos: readonly PathInfo[],
    now: number,
    outputsOf: (drv: StorePath) => ReadonlyMap<string, StorePath>,
  ): void;
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
  const updateContents = db.statement(
    'update ValidPaths set hash = ?, narSize = ?, ultimate = ?, sigs = ?, ca = ? where id = ?',
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

  /** @returns the id of its row; references are the caller's. */
  const insertPath = (
    info: PathInfo,
    outputs: ReadonlyMap<string, StorePath>,
    now: number,
  ): number => {
    const id = insert.run(...rowOfInfo(storeDir, info, now));
    for (const [name, output] of outputs) {
      insertOutput.run(id, name, printStorePath(storeDir, output));
    }
    return id;
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
        const id = insertPath(info, outputs, now);
        if (info.references.includes(info.path)) ids.push(id);
        for (const reference of ids) insertReference.run(id, reference);
      }
      return failures;
    },
    registerTogether(infos, now, outputsOf) {
      const ids = new Map<StorePath, number>();
      for (const info of infos) {
        const { path } = info;
        const known = ids.get(path) ?? queries.idOf(path);
        if (known !== undefined) updateContents.run(...contentsOfInfo(info), known);
        const outputs = known === undefined && isDerivation(path) ? outputsOf(path) : new Map();
        ids.set(path, known ?? insertPath(info, outputs, now));
      }
      const idOf = (path: StorePath): number | undefined => ids.get(path) ?? queries.idOf(path);
      for (const { path, references } of infos) {
        for (const reference of references) {
          const [from, to] = [idOf(path), idOf(reference)];
          if (from === undefined || to === undefined) throw notValid(path, reference);
          insertReference.run(from, to);
        }
      }
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
