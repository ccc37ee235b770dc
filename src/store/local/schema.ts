/**
 * The tables of Nix's database, schema version 10, which all releases since 2.0 share. A new database is made as
 * Nix 2.34 makes it; what later releases add or drop, they do when they first open it.
 */
import { chmodSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../../error.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { SqliteDatabase } from '../../system/sqlite.ts';

const VERSION = 10;

const TABLES = `
create table if not exists ValidPaths (
  id integer primary key autoincrement not null,
  path text unique not null,
  hash text not null,
  registrationTime integer not null,
  deriver text,
  narSize integer,
  ultimate integer,
  sigs text,
  ca text
);
create table if not exists Refs (
  referrer integer not null,
  reference integer not null,
  primary key (referrer, reference),
  foreign key (referrer) references ValidPaths(id) on delete cascade,
  foreign key (reference) references ValidPaths(id) on delete restrict
);
create index if not exists IndexReferrer on Refs(referrer);
create index if not exists IndexReference on Refs(reference);
create trigger if not exists DeleteSelfRefs before delete on ValidPaths begin
  delete from Refs where referrer = old.id and reference = old.id;
end;
create table if not exists DerivationOutputs (
  drv integer not null,
  id text not null,
  path text not null,
  primary key (drv, id),
  foreign key (drv) references ValidPaths(id) on delete cascade
);
create index if not exists IndexDerivationOutputs on DerivationOutputs(path);
create table if not exists SchemaMigrations (migration text primary key not null);
`;

/**
 * Whether there is a database, of a kind that is read and written here.
 * @throws FerryError `unsupported` for another version, `corrupt` where the version is no number, `denied`.
 */
export function hasDatabase(dbDir: string): boolean {
  const file = join(dbDir, 'schema');
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
    throw translateOsError(error, 'read', file);
  }
  if (!/^\d{1,9}$/.test(text)) {
    throw new FerryError('corrupt', `"${file}" does not hold the number of a schema version`, {
      path: file,
    });
  }
  const found = Number(text);
  if (found === VERSION) return true;
  throw new FerryError(
    'unsupported',
    `the store's database has schema version ${found}, not ${VERSION}`,
    {
      path: file,
      hint:
        found < VERSION
          ? 'run any command of Nix on this store once: it brings the database up to date'
          : 'it belongs to a newer Nix than this program knows',
    },
  );
}

/** Makes the tables, then says so: where either is missing, the next one to open the store starts over. */
export async function createDatabase(
  db: SqliteDatabase,
  dbDir: string,
  signal?: AbortSignal,
): Promise<void> {
  await db.transaction(() => db.execute(TABLES), signal);
  const file = join(dbDir, 'schema');
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, String(VERSION), { flush: true });
    chmodSync(temporary, 0o644);
    renameSync(temporary, file);
  } catch (error) {
    throw translateOsError(error, 'write', file);
  }
}
