/**
 * The narinfos of a cache: asked for many at a time, kept in memory while the store is open, and on disk for the next
 * process. A narinfo is believed only if it is of the path that was asked for.
 */
import { FerryError, messageOf } from '../../error.ts';
import { narInfoBytesMax, narInfoKey, parseNarInfo, type NarInfo } from '../../format/narinfo.ts';
import {
  hashPartOf,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import { workConcurrently } from './concurrently.ts';
import type { DiskCache } from './disk-cache.ts';
import type { Objects } from './objects.ts';

export interface NarInfosOptions {
  readonly objects: Objects;
  readonly storeDir: StoreDir;
  readonly disk?: DiskCache | undefined;
  /** Told of narinfos that are of no use. */
  readonly onWarning: (message: string) => void;
}

export interface NarInfoQuery {
  readonly signal?: AbortSignal | undefined;
  /** Ask the cache itself, whatever is known. */
  readonly isFresh?: boolean | undefined;
  /** Whether a narinfo that can't be read is an error; else it is a warning, and counts as none. */
  readonly isStrict?: boolean | undefined;
}

export interface NarInfoText {
  readonly narInfo: NarInfo;
  readonly text: string;
}

interface Known {
  readonly narInfo: NarInfo;
  readonly cost: number;
  /** Whether the cache itself said so, to this process. */
  readonly isFirstHand: boolean;
}

/** Characters of narinfo that are kept in memory; the oldest go first. */
const MEMORY_MAX = 64 << 20;
/** What the objects made of a narinfo take besides its text, about. */
const ENTRY_COST = 1000;
/** Paths of the largest closure: a cache that makes up references as it is asked must come to an end. */
const CLOSURE_MAX = 2_000_000;
/** Milliseconds for which "there is none" is remembered: from the plan of a copy to its beginning. */
const ABSENCE_MS = 30_000;
const ABSENCES_MAX = 200_000;

export class NarInfos {
  readonly #options: NarInfosOptions;
  readonly #known = new Map<string, Known>();
  readonly #absent = new Map<string, number>();
  #cost = 0;

  constructor(options: NarInfosOptions) {
    this.#options = options;
  }

  /** What the cache has of `paths`. */
  async query(
    paths: Iterable<StorePath>,
    query: NarInfoQuery = {},
  ): Promise<Map<StorePath, NarInfo>> {
    const asked = new Set(paths);
    const found = new Map<StorePath, NarInfo>();
    await this.#concurrently(asked, query, async (path, signal) => {
      const narInfo = await this.get(path, { ...query, signal });
      if (narInfo !== undefined) found.set(path, narInfo);
    });
    return found;
  }

  /**
   * All that `roots` refer to. A reference is asked for as soon as it is seen, so that a chain costs its length in
   * round trips and nothing more.
   * @throws FerryError `not-found` naming what is missing
   */
  async closure(
    roots: Iterable<StorePath>,
    query: NarInfoQuery = {},
  ): Promise<Map<StorePath, NarInfo>> {
    const asked = new Set(roots);
    const found = new Map<StorePath, NarInfo>();
    const referrers = new Map<StorePath, StorePath>();
    await this.#concurrently([...asked], query, async (path, signal, add) => {
      const narInfo = await this.get(path, { ...query, isStrict: true, signal });
      if (narInfo === undefined) throw this.notFound(path, referrers.get(path));
      found.set(path, narInfo);
      for (const reference of narInfo.info.references) {
        if (asked.has(reference)) continue;
        if (asked.size >= CLOSURE_MAX) throw this.#endless();
        asked.add(reference);
        referrers.set(reference, path);
        add(reference);
      }
    });
    return found;
  }

  async get(path: StorePath, query: NarInfoQuery = {}): Promise<NarInfo | undefined> {
    const narInfo = await this.getByHashPart(hashPartOf(path), query);
    if (narInfo === undefined || narInfo.info.path === path) return narInfo;
    const { storeDir } = this.#options;
    this.#warnOfOther(printStorePath(storeDir, path), narInfo);
    return undefined;
  }

  /** Of the path with this hash part, whatever its name. */
  async getByHashPart(hashPart: string, query: NarInfoQuery = {}): Promise<NarInfo | undefined> {
    if (query.isFresh !== true) {
      const known = this.#known.get(hashPart)?.narInfo ?? this.#fromDisk(hashPart);
      if (known !== undefined) return known === 'none' ? undefined : known;
    }
    return (await this.#readByHashPart(hashPart, query))?.narInfo;
  }

  /** As it lies there now, with what it says. @throws FerryError `corrupt` */
  async readText(path: StorePath, signal?: AbortSignal): Promise<NarInfoText | undefined> {
    const read = await this.#readByHashPart(hashPartOf(path), { signal, isStrict: true });
    return read?.narInfo.info.path === path ? read : undefined;
  }

  /** Whether the cache said a moment ago that it has none. */
  isKnownAbsent(path: StorePath): boolean {
    const since = this.#absent.get(hashPartOf(path));
    return since !== undefined && performance.now() - since < ABSENCE_MS;
  }

  /** Whether this process has seen its narinfo in the cache. */
  isKnownThere(path: StorePath): boolean {
    const known = this.#known.get(hashPartOf(path));
    return known !== undefined && known.isFirstHand && known.narInfo.info.path === path;
  }

  /** Remembers a narinfo that was read or written. */
  keep(narInfo: NarInfo, text: string): void {
    const hashPart = hashPartOf(narInfo.info.path);
    this.#remember(hashPart, narInfo, { text, isFirstHand: true });
    this.#options.disk?.keep(hashPart, text);
  }

  /** Remembers a narinfo that was written, by its text. */
  keepText(text: string): void {
    this.keep(parseNarInfo(text, this.#options.storeDir), text);
  }

  /** Forgets what was known of a path: whoever asks next asks the cache. */
  forget(path: StorePath): void {
    const hashPart = hashPartOf(path);
    this.#drop(hashPart);
    this.#absent.delete(hashPart);
    this.#options.disk?.forget(hashPart);
  }

  notFound(path: StorePath, referrer?: StorePath): FerryError {
    const { objects, storeDir } = this.#options;
    const printed = printStorePath(storeDir, path);
    const why =
      referrer === undefined ? '' : `, to which "${printStorePath(storeDir, referrer)}" refers,`;
    return new FerryError('not-found', `path "${printed}"${why} is not valid in "${objects.uri}"`, {
      path: printed,
      store: objects.uri,
    });
  }

  #endless(): FerryError {
    const { uri } = this.#options.objects;
    const problem = `cannot query a closure in "${uri}": it has more than ${CLOSURE_MAX} paths`;
    return new FerryError('corrupt', problem, { store: uri });
  }

  #remember(
    hashPart: string,
    narInfo: NarInfo,
    { text, isFirstHand }: { readonly text: string; readonly isFirstHand: boolean },
  ): void {
    this.#absent.delete(hashPart);
    this.#drop(hashPart);
    const cost = text.length + ENTRY_COST;
    this.#known.set(hashPart, { narInfo, cost, isFirstHand });
    this.#cost += cost;
    for (const oldest of this.#known.keys()) {
      if (this.#cost <= MEMORY_MAX) break;
      this.#drop(oldest);
    }
  }

  #rememberAbsence(hashPart: string): void {
    this.#drop(hashPart);
    if (this.#absent.size >= ABSENCES_MAX) this.#absent.clear();
    this.#absent.set(hashPart, performance.now());
    this.#options.disk?.keep(hashPart, undefined);
  }

  #drop(hashPart: string): void {
    this.#cost -= this.#known.get(hashPart)?.cost ?? 0;
    this.#known.delete(hashPart);
  }

  #fromDisk(hashPart: string): NarInfo | 'none' | undefined {
    const known = this.#options.disk?.get(hashPart);
    if (known === undefined) return undefined;
    if (known.text === undefined) return 'none';
    try {
      const narInfo = parseNarInfo(known.text, this.#options.storeDir);
      this.#remember(hashPart, narInfo, { text: known.text, isFirstHand: false });
      return narInfo;
    } catch {
      // The cache itself knows better.
      return undefined;
    }
  }

  /** Asks the cache itself. */
  async #readByHashPart(
    hashPart: string,
    { signal, isStrict }: NarInfoQuery,
  ): Promise<NarInfoText | undefined> {
    const { objects, onWarning, storeDir } = this.#options;
    const bytes = await objects.read(narInfoKey(hashPart), { bytesMax: narInfoBytesMax, signal });
    if (bytes === undefined) {
      this.#rememberAbsence(hashPart);
      return undefined;
    }
    const text = Buffer.from(bytes).toString('utf8');
    let narInfo: NarInfo;
    try {
      narInfo = parseNarInfo(text, storeDir);
    } catch (error) {
      const message = `cannot read "${objects.uri}/${narInfoKey(hashPart)}": ${messageOf(error)}`;
      if (isStrict === true) {
        throw new FerryError('corrupt', message, { store: objects.uri, cause: error });
      }
      onWarning(message);
      return undefined;
    }
    if (hashPartOf(narInfo.info.path) !== hashPart) {
      this.#warnOfOther(narInfoKey(hashPart), narInfo);
      return undefined;
    }
    this.keep(narInfo, text);
    return { narInfo, text };
  }

  #warnOfOther(asked: string, { info }: NarInfo): void {
    const { objects, onWarning, storeDir } = this.#options;
    const got = printStorePath(storeDir, info.path);
    onWarning(`asked "${objects.uri}" for "${asked}" but got "${got}"`);
  }

  #concurrently(
    paths: Iterable<StorePath>,
    { signal }: NarInfoQuery,
    work: (path: StorePath, signal: AbortSignal, add: (path: StorePath) => void) => Promise<void>,
  ): Promise<void> {
    const { concurrency: max } = this.#options.objects;
    return workConcurrently(paths, { max, signal }, work);
  }
}
