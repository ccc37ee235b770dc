/**
 * SQLite, opened as Nix opens its database. The only file that knows node:sqlite, which is a release candidate.
 *
 * Statements are prepared once and kept. Rows come as arrays: no names to look up, half the time. The database is
 * shared with other processes, so reading and writing are tried again while it is busy; what is passed to `read` and
 * `transaction` may run more than once.
 */
import { closeSync, existsSync, fchmodSync, fchownSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../error.ts';
import { pause } from './pause.ts';

export type SqlValue = string | number | null;

export interface SqliteOptions {
  /**
   * How far reading and writing is allowed; `immutable` reads a file that nobody can change, as on a read-only file
   * system, without any locks.
   */
  readonly access: 'read-write' | 'read' | 'immutable';
  /** Write-ahead log (setting `use-sqlite-wal`); else Nix locks by files beside the database, and so do we. */
  readonly useWal: boolean;
  /** Whether what was committed outlasts a loss of power (setting `fsync-metadata`). */
  readonly sync: boolean;
}

export interface Query<Row extends readonly SqlValue[]> {
  get(...parameters: SqlValue[]): Row | undefined;
  all(...parameters: SqlValue[]): Row[];
}

export interface Statement {
  /** The row id that an insertion gave. */
  run(...parameters: SqlValue[]): number;
}

export interface SqliteDatabase extends Disposable {
  query<Row extends readonly SqlValue[]>(sql: string): Query<Row>;
  statement(sql: string): Statement;
  /** One or more statements without results. */
  execute(sql: string): void;
  /** Runs `body` on one state of the database, whatever others write meanwhile. */
  read<T>(body: () => T, signal?: AbortSignal): Promise<T>;
  /** Runs `body` as one transaction: what it wrote is committed when it returns and gone when it throws. */
  transaction<T>(body: () => T, signal?: AbortSignal): Promise<T>;
}

/** Milliseconds that SQLite itself waits, blocking everything: long enough for the moment of a checkpoint. */
const BLOCK_MS = 20;
/** Milliseconds after which a busy database is given up: somebody holds it and does nothing. */
const BUSY_MAX_MS = 3_600_000;

const SQLITE_BUSY = 5;
const SQLITE_PROTOCOL = 15;
const SQLITE_IOERR_SHMSIZE = 4874;

const CODES: Readonly<Record<number, ErrorCode>> = {
  3: 'denied',
  [SQLITE_BUSY]: 'conflict',
  8: 'denied',
  10: 'unavailable',
  11: 'corrupt',
  13: 'no-space',
  14: 'denied',
  [SQLITE_PROTOCOL]: 'conflict',
  26: 'corrupt',
};

/** @throws FerryError `denied`, `corrupt`, `no-space` */
export function openSqlite(path: string, options: SqliteOptions): SqliteDatabase {
  const isWritable = options.access === 'read-write';
  const location = pathToFileURL(path);
  if (options.access === 'immutable') location.searchParams.set('immutable', '1');
  else if (!options.useWal) location.searchParams.set('vfs', 'unix-dotfile');
  const translated = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      throw translateSqliteError(error, path);
    }
  };
  const db = translated(
    () =>
      new DatabaseSync(location, {
        readOnly: !isWritable,
        timeout: BLOCK_MS,
        enableForeignKeyConstraints: true,
        returnArrays: true,
      }),
  );
  const execute = (sql: string): void => translated(() => db.exec(sql));
  try {
    if (isWritable) applySettings(db, options, translated);
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    query<Row extends readonly SqlValue[]>(sql: string): Query<Row> {
      const prepared = translated(() => db.prepare(sql));
      return {
        get: (...parameters) =>
          translated(() => prepared.get(...parameters)) as unknown as Row | undefined,
        all: (...parameters) => translated(() => prepared.all(...parameters)) as unknown as Row[],
      };
    },
    statement(sql) {
      const prepared = translated(() => db.prepare(sql));
      return {
        run: (...parameters) =>
          Number(translated(() => prepared.run(...parameters).lastInsertRowid)),
      };
    },
    execute,
    read: (body, signal) => whileBusy(() => bracket(db, 'begin', body, execute), signal),
    transaction: (body, signal) =>
      whileBusy(() => bracket(db, 'begin immediate', body, execute), signal),
    [Symbol.dispose]() {
      if (!db.isOpen) return;
      db.close();
      if (isWritable && options.useWal) keepLogFiles(path);
    },
  };
}

/** The settings of Nix's own connections; those of the file (page size, user version) are SQLite's defaults. */
function applySettings(
  db: DatabaseSync,
  options: SqliteOptions,
  translated: <T>(body: () => T) => T,
): void {
  translated(() => {
    db.exec(`pragma synchronous = ${options.sync ? 'normal' : 'off'}`);
    const mode = options.useWal ? 'wal' : 'truncate';
    const [current] = (db.prepare('pragma journal_mode').get() ?? []) as unknown as [string?];
    if (current !== mode) db.exec(`pragma journal_mode = ${mode}`);
    // Few checkpoints: they are what costs with many small transactions.
    if (options.useWal) db.exec('pragma wal_autocheckpoint = 40000');
  });
}

/**
 * The last one to close removes the log and its index. Without them somebody who may only read the directory can't
 * open the database at all, so they stay, empty, as newer releases of Nix leave them.
 */
function keepLogFiles(path: string): void {
  for (const file of [`${path}-wal`, `${path}-shm`]) {
    try {
      if (!existsSync(file)) createLike(path, file);
    } catch {
      // A convenience for others, no more.
    }
  }
}

/** Owner and mode as SQLite gives them: those of the database, whoever it is and whatever the mask. */
function createLike(path: string, file: string): void {
  const { uid, gid, mode } = statSync(path);
  const fd = openSync(file, 'ax', 0o600);
  try {
    if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
    fchmodSync(fd, mode & 0o777);
  } finally {
    closeSync(fd);
  }
}

function bracket<T>(
  db: DatabaseSync,
  begin: string,
  body: () => T,
  execute: (sql: string) => void,
): T {
  execute(begin);
  try {
    const result = body();
    execute('commit');
    return result;
  } catch (error) {
    // A full disk has SQLite itself roll back.
    if (db.isTransaction) execute('rollback');
    throw error;
  }
}

async function whileBusy<T>(body: () => T, signal: AbortSignal | undefined): Promise<T> {
  const end = performance.now() + BUSY_MAX_MS;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return body();
    } catch (error) {
      if (!isBusy(error) || performance.now() > end) throw error;
    }
    await pause(5 + Math.random() * 45, signal);
  }
}

function isBusy(error: unknown): boolean {
  return (
    isFerryError(error, 'conflict') && [SQLITE_BUSY, SQLITE_PROTOCOL].includes(codeOf(error.cause))
  );
}

/** The primary result code, https://sqlite.org/rescode.html; 0 where it isn't an error of SQLite. */
function codeOf(error: unknown): number {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof code === 'number' ? code & 0xff : 0;
}

function translateSqliteError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('errcode' in error)) return error;
  const isFull = error.errcode === SQLITE_IOERR_SHMSIZE;
  const code = isFull ? 'no-space' : (CODES[codeOf(error)] ?? 'internal');
  return new FerryError(code, `cannot use database "${path}": ${messageOf(error)}`, {
    path,
    cause: error,
    ...(code === 'corrupt' ? { hint: 'see whether sqlite3 can read it: pragma quick_check' } : {}),
  });
}
