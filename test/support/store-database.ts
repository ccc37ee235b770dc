/** The database of a local store, opened and changed behind its back. */
import { join } from 'node:path';
import { openSqlite, type SqliteDatabase } from '../../src/system/sqlite.ts';

/** @param root of the store: `/nix` lies below it */
export function openDatabase(root: string): SqliteDatabase {
  const file = join(root, 'nix/var/nix/db/db.sqlite');
  return openSqlite(file, { access: 'read-write', useWal: true, sync: false });
}

/** Runs statements of SQL, all in one transaction. */
export async function changeDatabase(root: string, ...statements: string[]): Promise<void> {
  using db = openDatabase(root);
  await db.transaction(() => {
    for (const statement of statements) db.execute(statement);
  });
}
