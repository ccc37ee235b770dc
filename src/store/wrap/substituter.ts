/**
 * One substituter: a store that paths may be fetched from, and that may be dead, slow, unfit or wrong without this being
 * an error. It is opened when it is first asked; one that fails is left alone for a while, with one warning.
 */
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../../error.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { unlessAborted } from '../../system/pause.ts';
import type { CallOptions, NarStream, Store, SubstituterTraits } from '../store.ts';
import { Lateness } from './lateness.ts';
import { RecentInfos } from './recent-infos.ts';
import { defaultTraits } from './substituter-parameters.ts';

/** Where to fetch from. */
export interface SubstituterSource {
  /** How messages name it before it is open: without secrets. */
  readonly uri: string;
  /** Called when it is first asked, and again where that failed and some time has passed. What it gives is disposed here. */
  readonly open: (signal: AbortSignal) => Promise<Store>;
}

export interface SubstituterOptions {
  readonly storeDir: StoreDir;
  readonly onWarning: (message: string) => void;
  /** Milliseconds for which one that failed isn't asked again, nor for a path that it failed with. */
  readonly leftAloneMs: number;
  /** Milliseconds without an answer after which nobody waits for it who has another. */
  readonly lateAfterMs: number;
}

export interface InfosOptions extends CallOptions {
  /** Nobody waits for the answer any more, so nothing needs to be asked that wasn't yet. */
  readonly until?: AbortSignal | undefined;
}

/** What is wrong with one path, and says nothing about the others. */
const PATH_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['corrupt', 'not-found']);
/** So many NARs in a row that broke off for lack of a connection are no accident. */
const STRIKES_MAX = 3;
/** So many NARs that weren't what they should be make all others doubtful. */
const WRONG_MAX = 3;

interface Failure {
  readonly error: unknown;
  /** Milliseconds of `performance.now()` until which it counts. */
  readonly until: number;
}

export class Substituter implements AsyncDisposable {
  /** Its place in the configuration: among equals in priority the first goes first. */
  readonly index: number;
  readonly lateness: Lateness;
  readonly #source: SubstituterSource;
  readonly #options: SubstituterOptions;
  readonly #life = new AbortController();
  readonly #infos = new RecentInfos();
  readonly #bans = new Map<StorePath, Failure>();
  #store: Store | undefined;
  #probe: Promise<void> | undefined;
  #isProven = false;
  #leftAlone: Failure | undefined;
  #isUnfit = false;
  #strikes = 0;
  #wrong = 0;
  #hasWarned = false;

  constructor(source: SubstituterSource, index: number, options: SubstituterOptions) {
    this.index = index;
    this.lateness = new Lateness(options.lateAfterMs);
    this.#source = source;
    this.#options = options;
  }

  get uri(): string {
    return this.#store?.uri ?? this.#source.uri;
  }

  /** Undefined as long as it isn't open: then nobody knows. */
  get traits(): SubstituterTraits | undefined {
    if (this.#store === undefined) return undefined;
    return this.#store.substituter ?? defaultTraits;
  }

  /** Why it isn't asked at the moment, if so. */
  get failure(): unknown {
    if (!this.#isUnfit && (this.#leftAlone?.until ?? 0) < performance.now()) {
      this.#leftAlone = undefined;
    }
    return this.#leftAlone?.error;
  }

  /** Whether so much of it was wrong that anybody else goes first. */
  get isDoubtful(): boolean {
    return this.#wrong >= WRONG_MAX;
  }

  /** Waits until it is known what it is, so that `traits` is there, or that it fails. Never throws but for an abort. */
  async ready(path: StorePath, signal?: AbortSignal): Promise<void> {
    // One question alone goes ahead: if it is dead, that costs one attempt, however many ask.
    while (!this.#isProven && this.failure === undefined) {
      this.#probe ??= this.#prove(path).finally(() => {
        this.#probe = undefined;
      });
      await unlessAborted(this.#probe, signal);
    }
  }

  /** What it knows of these paths. That it fails is no error: then it knows nothing. */
  async infosOf(
    paths: readonly StorePath[],
    { signal, until }: InfosOptions = {},
  ): Promise<Map<StorePath, PathInfo>> {
    const found = new Map<StorePath, PathInfo>();
    const [first] = paths;
    if (first === undefined) return found;
    await this.ready(first, signal);
    const unknown: StorePath[] = [];
    for (const path of paths) {
      if (this.banOf(path) !== undefined) continue;
      const info = this.#infos.get(path);
      if (info === undefined) unknown.push(path);
      else found.set(path, info);
    }
    if (this.#store === undefined || this.failure !== undefined) return new Map();
    if (until?.aborted === true) return found;
    if (unknown.length === 0) return found;
    for (const [path, info] of await this.#query(this.#store, unknown, signal)) {
      found.set(path, info);
    }
    return found;
  }

  /** @throws what the store throws, or why it is left alone. */
  readNars(paths: readonly StorePath[], signal?: AbortSignal): AsyncIterable<NarStream> {
    if (this.failure !== undefined) throw this.failure;
    if (this.#store === undefined) {
      throw new FerryError('internal', `"${this.uri}" was not asked what it has`);
    }
    return this.#store.readNars(paths, { signal });
  }

  /** Doesn't give this path for a while: what it gave was wrong, or never came whole. */
  ban(path: StorePath, error: unknown): void {
    this.#bans.set(path, this.#failure(error));
    this.#infos.delete(path);
    if (isPathError(error)) this.#wrong++;
    if (!isFerryError(error, 'unavailable') && !isFerryError(error, 'protocol')) return;
    this.#strikes++;
    if (this.#strikes >= STRIKES_MAX) this.#leaveAlone(error);
  }

  /** Why it isn't taken at its word about a path. */
  banOf(path: StorePath): unknown {
    const ban = this.#bans.get(path);
    if (ban === undefined || ban.until >= performance.now()) return ban?.error;
    this.#bans.delete(path);
    return undefined;
  }

  /** A NAR came to its end: the connection holds. */
  deliveredWell(): void {
    this.#strikes = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort(new FerryError('internal', `"${this.uri}" is closed`));
    this.lateness[Symbol.dispose]();
    await this.#probe;
    await this.#store?.[Symbol.asyncDispose]();
  }

  /** Asks about one path, for as long as this takes and whoever waits: a connection that was begun isn't begun again. */
  async #prove(path: StorePath): Promise<void> {
    const { signal } = this.#life;
    this.lateness.asked();
    try {
      const store = this.#store ?? (await this.#openStore());
      const infos = await store.queryPathInfos([path], { signal });
      this.#remember(infos, [path]);
      this.#isProven = true;
    } catch (error) {
      // It did answer, though with nonsense; whoever wanted that path asks again and is told.
      if (this.#store !== undefined && isPathError(error)) this.#isProven = true;
      else this.#leaveAlone(error);
    } finally {
      this.lateness.answered();
    }
  }

  /** @throws FerryError `unsupported` for a store of other paths than ours, and what opening throws. */
  async #openStore(): Promise<Store> {
    const { signal } = this.#life;
    const opening = this.#source.open(signal);
    let store: Store;
    try {
      store = await unlessAborted(opening, signal);
    } catch (error) {
      // Nobody waits for it any more: it is closed again once it is open.
      if (signal.aborted) void closeLate(opening);
      throw error;
    }
    const { storeDir } = this.#options;
    if (store.storeDir !== storeDir) {
      this.#isUnfit = true;
      await store[Symbol.asyncDispose]();
      throw new FerryError('unsupported', `it is for "${store.storeDir}", not for "${storeDir}"`);
    }
    this.#store = store;
    return store;
  }

  async #query(
    store: Store,
    paths: readonly StorePath[],
    signal: AbortSignal | undefined,
  ): Promise<Map<StorePath, PathInfo>> {
    if (this.failure !== undefined) return new Map();
    this.lateness.asked();
    try {
      return this.#remember(await store.queryPathInfos(paths, { signal }), paths);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPathError(error)) {
        this.#leaveAlone(error);
        return new Map();
      }
      const [first] = paths;
      if (paths.length === 1 && first !== undefined) {
        this.#warnOnce(
          `ignoring what "${this.uri}" says of "${this.#print(first)}": ${messageOf(error)}`,
        );
        this.#bans.set(first, this.#failure(error));
        return new Map();
      }
    } finally {
      this.lateness.answered();
    }
    // One of them is bad, nobody knows which: that must not cost the others.
    const middle = paths.length >> 1;
    const first = await this.#query(store, paths.slice(0, middle), signal);
    const second = await this.#query(store, paths.slice(middle), signal);
    return new Map([...first, ...second]);
  }

  /** Only answers to what was asked. */
  #remember(
    infos: ReadonlyMap<StorePath, PathInfo>,
    paths: readonly StorePath[],
  ): Map<StorePath, PathInfo> {
    const found = new Map<StorePath, PathInfo>();
    for (const path of paths) {
      const info = infos.get(path);
      if (info?.path !== path) continue;
      found.set(path, info);
      this.#infos.set(path, info);
    }
    return found;
  }

  #leaveAlone(error: unknown): void {
    this.#isProven = false;
    this.#strikes = 0;
    if (this.failure !== undefined) return;
    this.#leftAlone = this.#failure(error);
    if (this.#life.signal.aborted) return;
    const { uri } = this.#source;
    // Most errors name the store already.
    this.#options.onWarning(`leaving substituter "${uri}" alone: ${messageOf(error)}`);
  }

  /** The first of its kind tells enough: there may be thousands. */
  #warnOnce(message: string): void {
    if (!this.#hasWarned) this.#options.onWarning(message);
    this.#hasWarned = true;
  }

  #failure(error: unknown): Failure {
    return { error, until: performance.now() + this.#options.leftAloneMs };
  }

  #print(path: StorePath): string {
    return printStorePath(this.#options.storeDir, path);
  }
}

async function closeLate(opening: Promise<Store>): Promise<void> {
  try {
    await (await opening)[Symbol.asyncDispose]();
  } catch {
    // It didn't open, or not even closed: nobody has a use for it.
  }
}

function isPathError(error: unknown): boolean {
  return isFerryError(error) && PATH_ERRORS.has(error.code);
}
