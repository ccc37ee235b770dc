/**
 * What caches said earlier, kept on this machine: their narinfos, that they have none, and their `nix-cache-info`. It is
 * a convenience: where the file can't be written, is locked or damaged, everything works without it, only slower.
 *
 * Processes share the file. What one of them has to write it writes together, after a moment and when it is closed.
 */
import { lstatSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { FerryError, isFerryError } from '../../error.ts';
import { makeDirectory } from '../../system/make-directory.ts';
import { pause } from '../../system/pause.ts';
import {
  openSqlite,
  type Query,
  type SqliteDatabase,
  type Statement,
} from '../../system/sqlite.ts';

export interface DiskCacheOptions {
  /** The database: made where it isn't there, and remade where it is damaged. */
  readonly file: string;
  /** Which cache it is: all that decides what is found there, without secrets. */
  readonly identity: string;
  /** How long narinfos count (setting `narinfo-cache-positive-ttl`). 0: not at all. */
  readonly positiveTtlMs: number;
  /** How long it counts that there is none (setting `narinfo-cache-negative-ttl`). */
  readonly negativeTtlMs: number;
  /** How long `nix-cache-info` counts (setting `narinfo-cache-meta-ttl`). */
  readonly metaTtlMs: number;
  /** Milliseconds since 1970; for tests. */
  readonly now?: (() => number) | undefined;
}

/** What is known of a narinfo: its text, or that there is none. */
export interface KnownNarInfo {
  readonly text: string | undefined;
}

const SCHEMA = `
  create table if not exists caches (
    id integer primary key autoincrement not null,
    identity text unique not null,
    info text not null,
    timestamp integer not null
  ) strict;
  create table if not exists narinfos (
    cache integer not null references caches(id) on delete cascade,
    hashPart text not null,
    text text,
    timestamp integer not null,
    primary key (cache, hashPart)
  ) strict, without rowid;
  create table if not exists purges (timestamp integer not null) strict;
`;

const DAY_MS = 24 * 60 * 60 * 1000;
/** Milliseconds after which what is new is written. */
const WRITE_AFTER_MS = 250;
/** Milliseconds for which others may keep us from writing, before we go on without. */
const BUSY_MAX_MS = 500;

interface Opened {
  readonly db: SqliteDatabase;
  readonly cache: Query<[id: number, info: string, timestamp: number]>;
  readonly narInfo: Query<[text: string | null, timestamp: number]>;
  readonly keepCache: Statement;
  readonly keep: Statement;
  readonly forget: Statement;
}

/** Opens it, or stands in for it where that can't be. */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  let opened: Opened | undefined;
  try {
    opened = await openMended(options.file);
  } catch {
    // Without it, then.
  }
  return new DiskCache(options, opened);
}

export class DiskCache implements AsyncDisposable {
  readonly #options: DiskCacheOptions;
  readonly #now: () => number;
  #opened: Opened | undefined;
  /** The row of this cache, once it has one. */
  #id: number | undefined;
  #info: { readonly text: string; readonly timestamp: number } | undefined;
  #isInfoNew = false;
  /** By hash part; `null`: to be forgotten. */
  #news = new Map<string, KnownNarInfo | null>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: DiskCacheOptions, opened: Opened | undefined) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#opened = opened;
    const row = this.#try(({ cache }) => cache.get(options.identity));
    if (row === undefined) return;
    const [id, text, timestamp] = row;
    this.#id = id;
    this.#info = { text, timestamp };
  }

  /** Whether it is of any use; else it forgets everything. */
  get isOpen(): boolean {
    return this.#opened !== undefined;
  }

  /** The text of `nix-cache-info`, where it is known and fresh. */
  get cacheInfo(): string | undefined {
    const info = this.#info;
    if (info === undefined) return undefined;
    return this.#isFresh(info.timestamp, this.#options.metaTtlMs) ? info.text : undefined;
  }

  keepCacheInfo(text: string): void {
    this.#info = { text, timestamp: this.#now() };
    this.#isInfoNew = true;
    this.#writeSoon();
  }

  /** What is known of a narinfo and fresh; undefined where the cache must be asked. */
  get(hashPart: string): KnownNarInfo | undefined {
    const news = this.#news.get(hashPart);
    if (news !== undefined) return news ?? undefined;
    const id = this.#id;
    const row = id === undefined ? undefined : this.#try((db) => db.narInfo.get(id, hashPart));
    if (row === undefined) return undefined;
    const [text, timestamp] = row;
    const { positiveTtlMs, negativeTtlMs } = this.#options;
    const ttlMs = text === null ? negativeTtlMs : positiveTtlMs;
    return this.#isFresh(timestamp, ttlMs) ? { text: text ?? undefined } : undefined;
  }

  /** Keeps the text of a narinfo, or that there is none. */
  keep(hashPart: string, text: string | undefined): void {
    this.#news.set(hashPart, { text });
    this.#writeSoon();
  }

  forget(hashPart: string): void {
    this.#news.set(hashPart, null);
    this.#writeSoon();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    await this.#write();
    this.#close();
  }

  /** One from the future is as good as none: the clock was wrong then, or is now. */
  #isFresh(timestamp: number, ttlMs: number): boolean {
    const age = this.#now() - timestamp;
    return age >= 0 && age < ttlMs;
  }

  #writeSoon(): void {
    if (this.#opened === undefined) {
      this.#news.clear();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write());
    }, WRITE_AFTER_MS).unref();
  }

  async #write(): Promise<void> {
    const opened = this.#opened;
    const news = this.#news;
    const info = this.#isInfoNew ? this.#info : undefined;
    if (opened === undefined || (news.size === 0 && info === undefined)) return;
    this.#news = new Map();
    this.#isInfoNew = false;
    try {
      const write = (): void => this.#writeAll(opened, info, news);
      await opened.db.transaction(write, AbortSignal.timeout(BUSY_MAX_MS));
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #writeAll(
    { db, cache, keepCache, keep, forget }: Opened,
    info: { readonly text: string; readonly timestamp: number } | undefined,
    news: ReadonlyMap<string, KnownNarInfo | null>,
  ): void {
    const { identity } = this.#options;
    if (info !== undefined) keepCache.run(identity, info.text, info.timestamp);
    const id = cache.get(identity)?.[0];
    this.#id = id;
    if (id === undefined) return;
    const now = this.#now();
    for (const [hashPart, known] of news) {
      if (known === null) forget.run(id, hashPart);
      else keep.run(id, hashPart, known.text ?? null, now);
    }
    purge(db, now, this.#options);
  }

  #try<T>(body: (opened: Opened) => T): T | undefined {
    try {
      return this.#opened && body(this.#opened);
    } catch (error) {
      this.#giveUp(error);
      return undefined;
    }
  }

  #giveUp(error: unknown): void {
    this.#close();
    this.#news.clear();
    // The next process makes it anew.
    if (isFerryError(error, 'corrupt')) removeDatabase(this.#options.file);
  }

  #close(): void {
    try {
      this.#opened?.db[Symbol.dispose]();
    } catch {
      // What it was to keep is lost, which is no loss.
    }
    this.#opened = undefined;
  }
}

/** What is out of date goes, once a day. */
function purge(db: SqliteDatabase, now: number, options: DiskCacheOptions): void {
  const [last] = db.query<[number | null]>('select max(timestamp) from purges').get() ?? [null];
  if (last !== null && last <= now && last > now - DAY_MS) return;
  db.execute('delete from purges');
  db.statement('insert into purges values (?)').run(now);
  db.statement(
    'delete from narinfos where timestamp > ?1 or (text is null and timestamp < ?2) or timestamp < ?3',
  ).run(now, now - options.negativeTtlMs, now - options.positiveTtlMs);
}

/** A damaged file is removed, and made again; while another process makes it we wait a moment. */
async function openMended(file: string): Promise<Opened> {
  requireOwnDirectory(dirname(file));
  makeDirectory(dirname(file), 0o700);
  requirePrivateDirectory(dirname(file));
  const signal = AbortSignal.timeout(BUSY_MAX_MS);
  for (;;) {
    try {
      return openDatabase(file);
    } catch (error) {
      if (isFerryError(error, 'corrupt')) removeDatabase(file);
      else if (!isFerryError(error, 'conflict')) throw error;
    }
    await pause(10, signal);
  }
}

function removeDatabase(file: string): void {
  try {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  } catch {
    // Then it can't be opened either.
  }
}

/** Root with the home of a user (as by sudo) must not leave files there that the user can't write later. */
function requireOwnDirectory(directory: string): void {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found === undefined && directory !== dirname(directory)) {
    requireOwnDirectory(dirname(directory));
  } else if (found?.uid !== process.geteuid?.()) {
    throw new FerryError('denied', `cannot use "${directory}": it belongs to somebody else`);
  }
}

/**
 * What others could write there would be believed: that a path isn't there, or, of a substituter that needs no
 * signatures, what is in it. In a directory like `/tmp` somebody may have been quicker, with a directory or a link.
 */
function requirePrivateDirectory(directory: string): void {
  const self = process.geteuid?.();
  const { uid, mode } = statSync(directory);
  if (lstatSync(directory).uid === self && uid === self && (mode & 0o022) === 0) return;
  throw new FerryError('denied', `cannot use "${directory}": others may write in it`);
}

function openDatabase(file: string): Opened {
  const db = openSqlite(file, { access: 'read-write', useWal: true, sync: false });
  try {
    db.execute(SCHEMA);
    return {
      db,
      cache: db.query('select id, info, timestamp from caches where identity = ?'),
      narInfo: db.query('select text, timestamp from narinfos where cache = ? and hashPart = ?'),
      keepCache: db.statement(
        'insert into caches (identity, info, timestamp) values (?1, ?2, ?3)' +
          ' on conflict (identity) do update set info = ?2, timestamp = ?3',
      ),
      keep: db.statement(
        'insert or replace into narinfos (cache, hashPart, text, timestamp) values (?, ?, ?, ?)',
      ),
      forget: db.statement('delete from narinfos where cache = ? and hashPart = ?'),
    };
  } catch (error) {
    db[Symbol.dispose]();
    throw error;
  }
}
