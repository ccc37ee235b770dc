/**
 * Adding paths to a cache, in whatever order they come: several at a time are compressed and sent, and each narinfo is
 * written when all that it refers to is there. Until then nobody can see the path, so that an end at any moment leaves
 * files that no narinfo names, and nothing else.
 */
import { FerryError } from '../../error.ts';
import { formatNarInfo, narInfoKey, narInfoType, type NarInfo } from '../../format/narinfo.ts';
import { fingerprintOf, type PathInfo } from '../../format/path-info.ts';
import { isSignature, signText } from '../../format/signature.ts';
import { hashPartOf, printStorePath, type StorePath } from '../../format/store-path.ts';
import { unlessAborted } from '../../system/pause.ts';
import type { AddOptions, NarStream, PathToAdd } from '../store.ts';
import { takePaths, type AddingRun } from '../take-paths.ts';
import { Semaphore } from '../wrap/semaphore.ts';
import type { CacheContext } from './cache-options.ts';
import { workConcurrently } from './concurrently.ts';
import { NarInfoOrder } from './narinfo-order.ts';
import { putText } from './put-text.ts';
import { Spool, type SpoolRoom } from './spool.ts';
import { putNar, takeNar } from './upload-nar.ts';

/** Paths that are at work at the same time, at least: some are sent while others are compressed. */
const JOBS_MIN = 16;
/** Milliseconds that what is under way has to come to its end, before an error is passed on all the same. */
const CLEAN_UP_MS = 500;

export async function addPathsToCache(
  context: CacheContext,
  room: SpoolRoom,
  paths: AsyncIterable<PathToAdd>,
  options: AddOptions,
): Promise<void> {
  await takePaths(new AddRun(context, room, options), paths);
}

class AddRun implements AddingRun {
  readonly #context: CacheContext;
  readonly #spoolRoom: SpoolRoom;
  readonly #options: AddOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #slots: Semaphore;
  /** Who compresses: a thread each for trees, and for streams what they take of memory. */
  readonly #compressing: Semaphore;
  readonly #order: NarInfoOrder;
  /** All that came. */
  readonly #seen = new Set<StorePath>();
  /** Whose narinfos are there, as far as that is known. */
  readonly #there = new Set<StorePath>();
  readonly #failed = new Set<StorePath>();
  readonly #running = new Set<Promise<void>>();

  constructor(context: CacheContext, spoolRoom: SpoolRoom, options: AddOptions) {
    this.#context = context;
    this.#spoolRoom = spoolRoom;
    this.#options = options;
    this.#signal =
      options.signal === undefined
        ? this.#stop.signal
        : AbortSignal.any([this.#stop.signal, options.signal]);
    this.#slots = new Semaphore(Math.max(JOBS_MIN, 2 * context.objects.concurrency));
    this.#compressing = new Semaphore(context.workers.width);
    const { narInfos } = context;
    this.#order = new NarInfoOrder(
      (path) =>
        this.#there.has(path) ||
        options.referencesElsewhere?.has(path) === true ||
        (!this.#seen.has(path) && narInfos.isKnownThere(path)),
    );
  }

  /** Why the run ended before its end, where it did. */
  get reason(): unknown {
    return this.#signal.aborted ? this.#signal.reason : undefined;
  }

  orStopped<T>(promise: Promise<T>): Promise<T> {
    return unlessAborted(promise, this.#signal);
  }

  /** Waits until another path may be begun, for one `take`. */
  async room(): Promise<void> {
    await this.#slots.acquire(this.#signal);
  }

  /** Begins with a path. Unless its stream may be read at any time, it is used up when this returns. */
  async take({ info, nar }: PathToAdd): Promise<void> {
    const { promise: isUsed, resolve: used } = Promise.withResolvers<void>();
    const isRepeated = this.#seen.has(info.path);
    this.#seen.add(info.path);
    const work = isRepeated ? this.#skip(nar) : this.#add(info, nar, used);
    const running = work
      .catch((error: unknown) => this.#stop.abort(error))
      .finally(() => {
        this.#slots.release();
        this.#running.delete(running);
      });
    this.#running.add(running);
    const isFree = nar.tree !== undefined || nar.isIndependent === true;
    if (!isFree) await this.orStopped(Promise.race([isUsed, running]));
  }

  /** All that came is in the cache, or has failed, when this returns. */
  async settle(): Promise<void> {
    await this.#settleJobs();
    await this.#findReferences();
    await this.#settleJobs();
    // What is left waits for one another.
    for (const path of this.#order.lacking) {
      this.#fail(path, this.#cyclic(path));
    }
    this.#signal.throwIfAborted();
  }

  /** Ends what is under way. */
  async abandon(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLEAN_UP_MS);
    await Promise.race([Promise.allSettled(this.#running), late]);
    clearTimeout(timer);
  }

  async #settleJobs(): Promise<void> {
    while (this.#running.size > 0) await this.orStopped(Promise.all(this.#running));
    this.#signal.throwIfAborted();
  }

  async #add(info: PathInfo, nar: NarStream, used: () => void): Promise<void> {
    const { path } = info;
    try {
      if (await this.#isInCache(path)) {
        await this.#skip(nar);
        used();
        this.#options.onAdded?.(path);
        await this.#publishAll(this.#arrived(path));
        return;
      }
      const narInfo = await this.#upload(info, nar, used);
      if (this.#order.add(narInfo)) await this.#publishAll([narInfo]);
    } catch (error) {
      if (!this.#signal.aborted) await this.#skip(nar);
      this.#fail(path, error);
    }
  }

  async #upload(info: PathInfo, nar: NarStream, used: () => void): Promise<NarInfo> {
    this.#requireReferences(info);
    await using spool = new Spool(this.#spoolRoom);
    const signal = this.#signal;
    const onBytes = (bytes: number): void => this.#options.onBytes?.(info.path, bytes);
    await this.#compressing.acquire(signal);
    let taken;
    try {
      taken = await takeNar(this.#context, info, nar, spool, { signal, onBytes });
    } finally {
      this.#compressing.release();
    }
    used();
    const narInfo = await putNar(this.#context, taken, spool, signal);
    this.#requireReferences(info);
    return narInfo;
  }

  async #isInCache(path: StorePath): Promise<boolean> {
    const { narInfos } = this.#context;
    if (narInfos.isKnownAbsent(path)) return false;
    return (await narInfos.get(path, { isFresh: true, signal: this.#signal })) !== undefined;
  }

  /** Writes narinfos, and then those that waited for them, and so on. */
  async #publishAll(ready: readonly NarInfo[]): Promise<void> {
    const { concurrency: max } = this.#context.objects;
    const run = { max, signal: this.#signal };
    await workConcurrently(ready, run, async (narInfo, signal, add) => {
      const { path } = narInfo.info;
      try {
        await this.#publish(narInfo, signal);
      } catch (error) {
        this.#fail(path, error);
        return;
      }
      this.#options.onAdded?.(path);
      for (const next of this.#arrived(path)) add(next);
    });
  }

  async #publish({ info, ...file }: NarInfo, signal: AbortSignal): Promise<void> {
    const { objects, storeDir, narInfos, writing } = this.#context;
    const { secretKeys, encodings } = writing;
    const own = secretKeys.map((key) => signText(key, fingerprintOf(storeDir, info)));
    // Newer releases of Nix refuse a narinfo with anything else among its signatures.
    const signatures = [...new Set([...info.signatures.filter(isSignature), ...own])].sort();
    const text = formatNarInfo({ info: { ...info, signatures }, ...file }, storeDir);
    const key = narInfoKey(hashPartOf(info.path));
    const { narInfo: encoding } = encodings;
    await putText(objects, key, text, { contentType: narInfoType, encoding, signal });
    narInfos.keepText(text);
  }

  #arrived(path: StorePath): NarInfo[] {
    this.#there.add(path);
    return this.#order.arrived(path);
  }

  /** What is waited for and didn't come may be in the cache already. */
  async #findReferences(): Promise<void> {
    const { narInfos } = this.#context;
    const lacking = this.#order.lacking.filter((path) => !this.#seen.has(path));
    const found = await narInfos.query(lacking, { isFresh: true, signal: this.#signal });
    const ready: NarInfo[] = [];
    for (const path of lacking) {
      if (found.has(path)) ready.push(...this.#arrived(path));
      else this.#failReferrers(path, (referrer) => this.#lacksReference(referrer, path));
    }
    await this.#publishAll(ready);
  }

  #requireReferences(info: PathInfo): void {
    const lost = info.references.find((path) => this.#failed.has(path));
    if (lost !== undefined) throw this.#lostReference(info.path, lost);
  }

  #fail(path: StorePath, error: unknown): void {
    if (this.#failed.has(path)) return;
    this.#failed.add(path);
    if (this.#signal.aborted) return;
    if (this.#options.onFailed === undefined) {
      this.#stop.abort(error);
      return;
    }
    this.#options.onFailed(path, error);
    this.#failReferrers(path, (referrer) => this.#lostReference(referrer, path));
  }

  #failReferrers(path: StorePath, errorOf: (referrer: StorePath) => FerryError): void {
    for (const referrer of this.#order.failed(path)) this.#fail(referrer, errorOf(referrer));
  }

  /** Leaves a stream unread, in the way that its source expects. */
  async #skip(nar: NarStream): Promise<void> {
    if (nar.tree !== undefined || nar.isIndependent === true) return;
    try {
      for await (const _ of nar) break;
    } catch {
      // A source that is broken says so when the next path is asked for.
    }
  }

  #lacksReference(path: StorePath, reference: StorePath): FerryError {
    const { objects } = this.#context;
    const printed = this.#print(path);
    return new FerryError(
      'not-found',
      `cannot add path "${printed}" to "${objects.uri}": its reference "${this.#print(reference)}" is not valid there`,
      { path: printed, store: objects.uri },
    );
  }

  #lostReference(path: StorePath, reference: StorePath): FerryError {
    const printed = this.#print(path);
    return new FerryError(
      'not-found',
      `cannot add path "${printed}": it refers to path "${this.#print(reference)}", which could not be added`,
      { path: printed },
    );
  }

  #cyclic(path: StorePath): FerryError {
    const printed = this.#print(path);
    return new FerryError('corrupt', `cannot add path "${printed}": its references form a cycle`, {
      path: printed,
    });
  }

  #print(path: StorePath): string {
    return printStorePath(this.#context.storeDir, path);
  }
}
