/**
 * One process's hold on a local store: its database, and what writing takes besides (locks, temporary roots). Nothing
 * is made, locked or loaded before it is needed: asking a store that lies there takes a millisecond.
 */
import { accessSync, closeSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError, isFerryError } from '../../error.ts';
import { loadFlock, openLockFile, waitForLock, type Flock } from '../../system/flock.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import { unlessAborted } from '../../system/pause.ts';
import { remountWritable } from '../../system/remount.ts';
import { openSqlite, type SqliteDatabase, type SqliteOptions } from '../../system/sqlite.ts';
import { makeDirectories, makeReadableFile, refuseSymlinks, reserveSpace } from './directories.ts';
import type { StoreLocations } from './locations.ts';
import { makeQueries, type StoreQueries } from './queries.ts';
import { makeRegistrar, type Registrar } from './register.ts';
import { createDatabase, hasDatabase } from './schema.ts';
import { openTempRoots, type TempRoots } from './temp-roots.ts';

export interface ConnectionOptions extends StoreLocations {
  /** Never write, not even a lock: for a store that nobody changes. */
  readonly readOnly?: boolean | undefined;
  /** Setting `fsync-metadata`. Default true. */
  readonly syncMetadata?: boolean | undefined;
  /** Setting `use-sqlite-wal`. Default true. */
  readonly useWal?: boolean | undefined;
  /** Setting `gc-reserved-space`, in bytes. Default 8 MiB. */
  readonly gcReservedSpace?: number | undefined;
  /** Whether a store below a symbolic link will do (`NIX_IGNORE_SYMLINK_STORE`). */
  readonly allowSymlinkedStore?: boolean | undefined;
  /** Group id of `build-users-group`, which a new store is given to where root makes it. */
  readonly buildGroup?: number | undefined;
}

export interface ReadableStore {
  readonly db: SqliteDatabase;
  readonly queries: StoreQueries;
}

export interface WritableStore extends ReadableStore {
  readonly flock: Flock;
  readonly tempRoots: TempRoots;
  readonly registrar: Registrar;
}

export interface StoreConnection extends Disposable {
  /** Undefined where there is no store yet: then nothing is valid. */
  forReading(): ReadableStore | undefined;
  /**
   * Makes the store where there is none.
   * @throws FerryError `denied` with what to do about it.
   */
  forWriting(signal?: AbortSignal): Promise<WritableStore>;
}

const WRITE_HINT =
  'run it as the owner of the store (root for most), or, where a daemon is at work on it, name the store as daemon';
const READ_ONLY_HINT =
  'it is mounted read-only: on NixOS root may write to it all the same, others name the store as daemon, and go through the one that is here';
const READ_HINT =
  'run it as the owner of the store (root for most), or, where a daemon is at work on it, name the store as daemon';

export function connect(options: ConnectionOptions): StoreConnection {
  const { storeDir, realDir, stateDir, uri } = options;
  const dbDir = join(stateDir, 'db');
  const dbFile = join(dbDir, 'db.sqlite');
  const resources = new DisposableStack();
  const closing = new AbortController();
  resources.defer(() => closing.abort(closedError(uri)));
  if (options.allowSymlinkedStore !== true) refuseSymlinks(realDir);
  let readable: ReadableStore | undefined;
  let writable: Promise<WritableStore> | undefined;
  let access: SqliteOptions['access'] | undefined;

  const openDatabase = (): SqliteDatabase => {
    access = options.readOnly === true ? 'immutable' : accessTo(dbDir, dbFile);
    const { useWal = true, syncMetadata = true } = options;
    return resources.use(openSqlite(dbFile, { access, useWal, sync: syncMetadata }));
  };

  const prepareToWrite = async (): Promise<WritableStore> => {
    if (options.readOnly === true) {
      throw new FerryError('unsupported', `cannot write to "${uri}": it was opened read-only`);
    }
    const flock = await loadFlock();
    requireOpen();
    const isNew = !hasDatabase(dbDir);
    if (isNew) makeDirectories(options, options.buildGroup);
    else await makeWritable(realDir);
    requireOpen();
    // Whoever changes the schema waits until nobody holds this; it is ours for as long as the store is open.
    const bigLock = openLockFile(join(dbDir, 'big-lock'));
    resources.defer(() => closeSync(bigLock));
    await waitForLock(flock, bigLock, 'shared', closing.signal);
    requireOpen();
    // SQLite itself would let the mask decide; log and index take after it.
    if (isNew) makeReadableFile(dbFile);
    const db = readable?.db ?? openDatabase();
    if (access !== 'read-write') requireWritable(dbFile);
    if (!hasDatabase(dbDir)) await createDatabase(db, dbDir, closing.signal);
    requireOpen();
    readable ??= { db, queries: makeQueries(db, storeDir) };
    reserveSpace(dbDir, options.gcReservedSpace ?? 8 << 20);
    return {
      ...readable,
      flock,
      tempRoots: resources.use(openTempRoots(flock, stateDir, storeDir)),
      registrar: makeRegistrar(db, storeDir, readable.queries),
    };
  };

  const requireOpen = (): void => {
    if (resources.disposed) throw closedError(uri);
  };

  return {
    forReading() {
      requireOpen();
      if (readable !== undefined) return readable;
      try {
        if (!hasDatabase(dbDir)) return undefined;
        const db = openDatabase();
        readable = { db, queries: makeQueries(db, storeDir) };
        return readable;
      } catch (error) {
        throw explained(error, `cannot read the store "${uri}"`, READ_HINT);
      }
    },
    async forWriting(signal) {
      requireOpen();
      // Shared by all callers: the abort of one ends its own waiting and no more.
      const preparing = (writable ??= prepareToWrite());
      try {
        return await unlessAborted(preparing, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (writable === preparing) writable = undefined;
        throw explained(error, `cannot write to the store "${uri}"`, WRITE_HINT);
      }
    },
    [Symbol.dispose]: () => resources.dispose(),
  };
}

function closedError(uri: string): FerryError {
  return new FerryError('internal', `the store "${uri}" is closed`);
}

/** What the system said is about some file; people want to know what they can't do, and what they can instead. */
function explained(error: unknown, what: string, hint: string): unknown {
  if (!isFerryError(error, 'denied') || error.hint !== undefined) return error;
  const isMounted = errnoOf(error.cause) === 'EROFS';
  return new FerryError('denied', `${what}: ${error.message}`, {
    ...(error.path === undefined ? {} : { path: error.path }),
    hint: isMounted ? READ_ONLY_HINT : hint,
    cause: error,
  });
}

/** What this process may do with the database. Opening it for less leaves others undisturbed. */
function accessTo(dbDir: string, dbFile: string): SqliteOptions['access'] {
  try {
    accessSync(dbDir, constants.W_OK | constants.X_OK);
    if (statSync(dbFile, { throwIfNoEntry: false }) !== undefined) {
      accessSync(dbFile, constants.W_OK);
    }
    return 'read-write';
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    if (errno === 'EROFS') return 'immutable';
    if (['EACCES', 'EPERM'].includes(errno)) return 'read';
    throw translateOsError(error, 'open', dbFile);
  }
}

/** @throws FerryError `denied` */
async function makeWritable(realDir: string): Promise<void> {
  try {
    accessSync(realDir, constants.W_OK);
  } catch (error) {
    if (errnoOf(error) === 'EROFS') await remountWritable(realDir);
    requireWritable(realDir);
  }
}

function requireWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw translateOsError(error, 'write to', path);
  }
}
