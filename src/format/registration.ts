/**
 * Text registrations: what a store knows of paths, a few lines for each, as `nix-store --dump-db` prints and
 * `--load-db` and `--register-validity` take it, and as `closureInfo` of Nixpkgs writes it into a file `registration`.
 * Signatures, content addresses and times have no place in it. A record is
 *
 *     <store path>
 *     <SHA-256 of the NAR, base 16>   these two only where hashes are given
 *     <bytes of the NAR>
 *     <deriver, or nothing>
 *     <number of references>
 *     <reference>                     so many times
 */
import { toByteString } from '../bytes/byte-string.ts';
import { FerryError, messageOf } from '../error.ts';
import { formatDigest, parseHash, type Hash } from './hash.ts';
import type { PathInfo } from './path-info.ts';
import {
  compareStorePaths,
  parseStorePath,
  printStorePath,
  type StoreDir,
  type StorePath,
} from './store-path.ts';

/** One record: a path that is to become valid. */
export interface PathRegistration {
  readonly path: StorePath;
  /** Absent where hashes aren't given: then the contents say. */
  readonly nar?: { readonly hash: Hash; readonly size: number } | undefined;
  readonly deriver?: StorePath | undefined;
  /** Sorted, without duplicates. */
  readonly references: readonly StorePath[];
}

export interface RegistrationOptions {
  /** Whether records have the lines for hash and size. */
  readonly hasHashes: boolean;
}

/** Characters of a line: a path, however it is spelt. */
const LINE_MAX = 4096;
/** References of one path; more than any store has paths that one object could mention. */
const REFERENCES_MAX = 1_000_000;
/** Bytes of all records together: some millions of paths, all of which are in memory at the same time. */
const BYTES_MAX = 1 << 30;

/** The record of a path, with its hash. */
export function formatRegistration(storeDir: StoreDir, info: PathInfo): string {
  const { path, narHash, narSize, deriver, references } = info;
  const lines = [
    printStorePath(storeDir, path),
    formatDigest(narHash, 'base16'),
    `${narSize}`,
    deriver === undefined ? '' : printStorePath(storeDir, deriver),
    `${references.length}`,
    ...references.map((reference) => printStorePath(storeDir, reference)),
  ];
  return `${lines.join('\n')}\n`;
}

type Field = 'path' | 'hash' | 'size' | 'deriver' | 'count' | 'reference';

/**
 * Reads records as they arrive. A last line without its end is a text that was cut off, also where Nix would take no
 * notice of it: at the beginning of a record.
 */
export class RegistrationReader {
  readonly #storeDir: StoreDir;
  readonly #hasHashes: boolean;
  #failure: unknown;
  #bytes = 0;
  /** What came of a line whose end hasn't come. */
  #rest = '';
  #line = 0;

  #field: Field = 'path';
  #path = '' as StorePath;
  #hash: Hash | undefined;
  #size = 0;
  #deriver: StorePath | undefined;
  #references: StorePath[] = [];
  #left = 0;

  constructor(storeDir: StoreDir, { hasHashes }: RegistrationOptions) {
    this.#storeDir = storeDir;
    this.#hasHashes = hasHashes;
  }

  /**
   * The records that are complete with these bytes.
   * @throws FerryError `corrupt` with the number of the line. Thrown again by every later call.
   */
  push(chunk: Uint8Array): PathRegistration[] {
    return this.#orStayFailed(() => {
      this.#bytes += chunk.length;
      if (this.#bytes > BYTES_MAX) throw cannotRead(`it has more than ${BYTES_MAX} bytes`);
      const lines = `${this.#rest}${toByteString(chunk)}`.split('\n');
      this.#rest = lines.pop() ?? '';
      const records: PathRegistration[] = [];
      for (const line of lines) {
        const record = this.#take(line);
        if (record !== undefined) records.push(record);
      }
      if (this.#rest.length > LINE_MAX) this.#take(this.#rest);
      return records;
    });
  }

  /** To be called when nothing more comes. @throws FerryError `corrupt` where something is missing. */
  finish(): void {
    this.#orStayFailed(() => {
      if (this.#field === 'path' && this.#rest === '') return;
      throw cannotRead(`it ends after line ${this.#line}, in the middle of a record`);
    });
  }

  #orStayFailed<T>(body: () => T): T {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return body();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** The record that this line completes. */
  #take(line: string): PathRegistration | undefined {
    this.#line++;
    if (line.length > LINE_MAX) throw this.#corrupt(`it has more than ${LINE_MAX} characters`);
    switch (this.#field) {
      case 'path':
        this.#path = this.#parsed(() => parseStorePath(this.#storeDir, line));
        this.#field = this.#hasHashes ? 'hash' : 'deriver';
        return undefined;
      case 'hash':
        this.#hash = this.#parsed(() => parseHash(line, 'sha256'));
        this.#field = 'size';
        return undefined;
      case 'size':
        this.#size = this.#number(line, Number.MAX_SAFE_INTEGER);
        this.#field = 'deriver';
        return undefined;
      case 'deriver':
        this.#deriver =
          line === '' ? undefined : this.#parsed(() => parseStorePath(this.#storeDir, line));
        this.#field = 'count';
        return undefined;
      case 'count':
        this.#left = this.#number(line, REFERENCES_MAX);
        this.#references = [];
        this.#field = 'reference';
        return this.#left === 0 ? this.#complete() : undefined;
      case 'reference':
        this.#references.push(this.#parsed(() => parseStorePath(this.#storeDir, line)));
        this.#left--;
        return this.#left === 0 ? this.#complete() : undefined;
    }
  }

  #complete(): PathRegistration {
    this.#field = 'path';
    const references = [...new Set(this.#references)].sort(compareStorePaths);
    const nar = this.#hash === undefined ? undefined : { hash: this.#hash, size: this.#size };
    return { path: this.#path, nar, deriver: this.#deriver, references };
  }

  #number(line: string, max: number): number {
    // With a sign in front too: so Nix reads numbers.
    const number = /^\+?\d+$/.test(line) ? Number(line) : Number.NaN;
    if (number <= max) return number;
    throw this.#corrupt(`${quoted(line)} is not a number from 0 to ${max}`);
  }

  #parsed<T>(parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      throw this.#corrupt(messageOf(error), error);
    }
  }

  #corrupt(problem: string, cause?: unknown): FerryError {
    return cannotRead(`line ${this.#line}: ${problem}`, cause);
  }
}

function cannotRead(problem: string, cause?: unknown): FerryError {
  return new FerryError('corrupt', `cannot read registration: ${problem}`, { cause });
}

function quoted(line: string): string {
  return `"${line.length > 80 ? `${line.slice(0, 80)}…` : line}"`;
}
