/**
 * What a binary cache lies in: bytes under keys. A directory, an HTTP server and an S3 bucket are the three of them;
 * all that is peculiar to a cache (narinfos, names, order) is above this and the same for each.
 *
 * What callers may rely on:
 * - `get`, `read`, `head` say "there is none" with undefined, and throw only when that can't be known.
 * - A failure that may pass (a reset connection, 503) was tried again, with pauses, before it is thrown.
 * - An object that is put appears whole or not at all.
 */
import type { Hash } from '../../format/hash.ts';
import type { CallOptions } from '../store.ts';

export interface ObjectHead {
  /** Bytes as they are stored, where it is told. */
  readonly size?: number | undefined;
}

/** Contents on their way. Whoever doesn't read to the end breaks out of the iteration. */
export interface ObjectBody extends ObjectHead {
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A file on this machine that is to become an object. It stays the caller's to remove, and may be gone after `put`. */
export interface SpooledFile {
  readonly file: string;
  readonly size: number;
  readonly sha256: Hash;
}

export interface PutOptions extends CallOptions {
  /** Its MIME type. */
  readonly contentType: string;
  /** How the bytes are encoded in addition, as HTTP says it: `br`, `gzip`. */
  readonly contentEncoding?: string | undefined;
}

export interface GetOptions extends CallOptions {
  /**
   * How many bytes it is expected to have (`FileSize`), where that is known. A small object may then share a
   * connection with others that are under way; when the guess was wrong it costs a round trip, no more.
   */
  readonly sizeHint?: number | undefined;
}

export interface ReadOptions extends CallOptions {
  /** What is longer is refused with `corrupt`. */
  readonly bytesMax: number;
}

export interface Objects extends AsyncDisposable {
  /** How messages name it: its URI without secrets and parameters. */
  readonly uri: string;
  /** How many requests may be under way at the same time; more wait their turn inside. */
  readonly concurrency: number;
  /** A directory from where `put` of a file costs no copy, if there is one. */
  readonly spoolDir?: string | undefined;

  /**
   * A small object as a whole, a Content-Encoding undone.
   * @param key relative to the cache: `nix-cache-info`, `<hash part>.narinfo`.
   */
  read(key: string, options: ReadOptions): Promise<Uint8Array | undefined>;

  /**
   * A large object as it comes. A transfer that breaks off is gone on with where it stopped, where that is possible.
   * @param reference what a narinfo has as its `URL`: a key, or for HTTP any URL reference, another host's included.
   */
  get(reference: string, options?: GetOptions): Promise<ObjectBody | undefined>;

  /** Where the file of that reference lies on this machine, if it is a file there. */
  locate?(reference: string): string | undefined;

  head(key: string, options?: CallOptions): Promise<ObjectHead | undefined>;

  /**
   * @throws FerryError `denied` where writing is forbidden, `unsupported` where there is none, `no-space`,
   *   `unavailable`, `corrupt` when what arrived is not what was sent.
   */
  put(key: string, contents: Uint8Array | SpooledFile, options: PutOptions): Promise<void>;

  /** All keys that begin with `prefix`, where it can tell. */
  list?(prefix: string, options?: CallOptions): AsyncIterable<string>;

  /** Removes an object; that there is none is fine. */
  delete?(key: string, options?: CallOptions): Promise<void>;
}
