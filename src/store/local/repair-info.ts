/** What the database says of a path whose contents were exchanged for others: those of another build, say. */
import { FerryError } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir } from '../../format/store-path.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';
import { rowOfInfo } from './rows.ts';

/**
 * To be called within a transaction. When it was registered, and by what it was built, stays; the references are those
 * of the new contents alone, where Nix keeps the old ones as well.
 * @throws FerryError `not-found` where it, or what it refers to, isn't valid
 */
export function replaceInfo(db: SqliteDatabase, storeDir: StoreDir, info: PathInfo): void {
  const idOf = db.query<[number]>('select id from ValidPaths where path = ?');
  const update = db.statement(
    'update ValidPaths set hash = ?, narSize = ?, ultimate = ?, sigs = ?, ca = ? where id = ?',
  );
  const clear = db.statement('delete from Refs where referrer = ?');
  const refer = db.statement('insert into Refs values (?, ?)');
  const requireId = (path: PathInfo['path']): number => {
    const printed = printStorePath(storeDir, path);
    const id = idOf.get(printed)?.[0];
    if (id !== undefined) return id;
    throw new FerryError('not-found', `cannot repair: path "${printed}" is not valid`, {
      path: printed,
    });
  };
  const [, hash = null, , , narSize = null, ultimate = null, sigs = null, ca = null] = rowOfInfo(
    storeDir,
    info,
    0,
  );
  const id = requireId(info.path);
  update.run(hash, narSize, ultimate, sigs, ca, id);
  clear.run(id);
  for (const reference of new Set(info.references)) refer.run(id, requireId(reference));
}
