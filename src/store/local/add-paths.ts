/**
 * Adding paths: several are unpacked at the same time, and registered together in the order in which they came, so
 * that the store is closed at every moment. The locks of Nix are held as Nix holds them.
 *
 * Two processes may come to the same paths in different order. Whoever finds a lock taken therefore first finishes
 * and gives up everything of its own, and then waits: nobody waits while holding what another waits for.
 */
import { join } from 'node:path';
import { FerryError } from '../../error.ts';
import { isDerivation, printStorePath, type StorePath } from '../../format/store-path.ts';
import { sameContents, type PathInfo } from '../../format/path-info.ts';
import { unlessAborted } from '../../system/pause.ts';
import type { AddOptions, NarStream, PathToAdd } from '../store.ts';
import { takePaths, type AddingRun } from '../take-paths.ts';
import {
  removeUnregistered,
  requireProperAddress,
  unpackPath,
  type AddingContext,
} from './adding.ts';
import type { WritableStore } from './connection.ts';
import type { OutputsOfDerivation } from './derivation-outputs.ts';
import { lockPath, tryLockPath, type PathLock } from './path-lock.ts';
import type { Registration } from './register.ts';
import { sourceOf } from './source.ts';
import { requireTrust, type TrustPolicy } from './trust.ts';

export interface AddContext extends AddingContext {
  readonly store: WritableStore;
  readonly trust: TrustPolicy;
  readonly outputsOf: OutputsOfDerivation;
  /** Paths whose locks the process has that we work for (`NIX_HELD_LOCKS`). */
  readonly heldLocks: ReadonlySet<StorePath>;
}

/** A batch is registered when it has so many paths, or so many bytes, or after so many milliseconds. */
const BATCH_PATHS = 128;
const BATCH_BYTES = 64 << 20;
const BATCH_MS = 100;
/** Paths that are locked, hence open files, at the same time. */
const JOBS_MAX = 384;
/** Milliseconds that a busy database may hold up the registration of what was done before an error. */
const LAST_REGISTRATION_MS = 300;
/** Milliseconds that threads have to come to their end before an error is passed on all the same. */
const CLEAN_UP_MS = 300;

interface Job {
  readonly info: PathInfo;
  readonly lock: PathLock;
  isUnpacked: boolean;
}

export async function addPaths(
  context: AddContext,
  paths: AsyncIterable<PathToAdd>,
  options: AddOptions,
): Promise<void> {
  await takePaths(new AddRun(context, options), paths);
}

async function settledWithin(promises: Iterable<Promise<unknown>>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([Promise.allSettled(promises), late]);
  clearTimeout(timer);
}

class AddRun implements AddingRun {
  readonly #context: AddContext;
  readonly #options: AddOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Locked and not registered yet, in the order in which they came. */
  readonly #jobs = new Map<StorePath, Job>();
  readonly #running = new Set<Promise<void>>();
  readonly #failed = new Set<StorePath>();
  #unpackedBytes = 0;
  #unpackedPaths = 0;
  #timer: NodeJS.Timeout | undefined;
  #registering: Promise<void> = Promise.resolve();

  constructor(context: AddContext, options: AddOptions) {
    this.#context = context;
    this.#options = options;
    this.#signal =
      options.signal === undefined
        ? this.#stop.signal
        : AbortSignal.any([this.#stop.signal, options.signal]);
  }

  /** Why the run ended before its end, where it did. */
  get reason(): unknown {
    return this.#signal.aborted ? this.#signal.reason : undefined;
  }

  orStopped<T>(promise: Promise<T>): Promise<T> {
    return unlessAborted(promise, this.#signal);
  }

  /** Waits until another path may be begun: enough to keep all threads busy, no more. */
  async room(): Promise<void> {
    const max = this.#context.workers.width * 4;
    while (this.#running.size >= max) await this.orStopped(Promise.race(this.#running));
    // Many may be waiting for a large one that they refer to.
    while (this.#jobs.size >= JOBS_MAX) {
      await this.#register();
      if (this.#jobs.size < JOBS_MAX || this.#running.size === 0) break;
      await this.orStopped(Promise.race(this.#running));
    }
    this.#signal.throwIfAborted();
  }

  /**
   * Begins with a path. Its stream is used up or closed when this returns; a tree, or a stream that may be read at any
   * time, may still be at work.
   */
  async take({ info, nar }: PathToAdd): Promise<void> {
    const { path } = info;
    // Before anything is asked: what is found valid must not be collected the next moment.
    const { tempRoots } = this.#context.store;
    await tempRoots.add([path], this.#signal);
    if (await this.#skipIfValid(info, nar)) return;
    // It is nothing without them, and until it is valid nothing else need hold them.
    await tempRoots.add(info.references, this.#signal);
    await this.#context.makeRoom?.(this.#signal);
    let lock: PathLock;
    try {
      this.#requireSound(info);
      lock = await this.#lock(path);
    } catch (error) {
      this.#signal.throwIfAborted();
      await this.#skip(nar);
      this.#fail(path, error);
      return;
    }
    // Somebody may have made it before the lock was ours.
    if (await this.#skipIfValid(info, nar, lock)) return;
    const job: Job = { info, lock, isUnpacked: false };
    this.#jobs.set(path, job);
    await this.#unpack(job, nar);
  }

  /** Everything that was begun is done and registered when this returns. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await this.orStopped(Promise.all(this.#running));
    while (this.#jobs.size > 0) {
      const before = this.#jobs.size;
      await this.#register();
      this.#signal.throwIfAborted();
      if (this.#jobs.size < before) continue;
      for (const job of this.#jobs.values()) {
        const printed = this.#print(job.info.path);
        const problem = `cannot add path "${printed}": its references form a cycle`;
        await this.#drop(job, new FerryError('corrupt', problem, { path: printed }));
      }
    }
    this.#signal.throwIfAborted();
  }

  /**
   * Ends what is at work, registers what is whole, removes the rest. A thread that takes long to clean up is not waited
   * for, but until it is done its path stays locked: it works below a name that the next one to add that path uses too.
   */
  async abandon(reason: unknown): Promise<void> {
    this.#stop.abort(reason);
    clearTimeout(this.#timer);
    await settledWithin(this.#running, CLEAN_UP_MS);
    try {
      await this.#register(AbortSignal.timeout(LAST_REGISTRATION_MS));
    } catch {
      // What ended the run comes first; these paths are simply not valid.
    }
    // Those at work give up their locks themselves.
    const whole = [...this.#jobs.values()].filter(({ isUnpacked }) => isUnpacked);
    this.#jobs.clear();
    await settledWithin(
      whole.map((job) => this.#takeBack(job)),
      CLEAN_UP_MS,
    );
  }

  async #takeBack(job: Job): Promise<void> {
    try {
      await removeUnregistered(this.#context, job.info);
    } catch {
      // It is no path of the store; the next one to add it, or to collect garbage, removes it.
    }
    job.lock.release();
  }

  async #skipIfValid(info: PathInfo, nar: NarStream, lock?: PathLock): Promise<boolean> {
    const { store } = this.#context;
    const { path } = info;
    try {
      const valid = await store.db.read(() => store.queries.infoOf(path), this.#signal);
      if (valid === undefined) return false;
      // What others signed meanwhile is worth having, if it is about the same contents.
      if (info.signatures.length > 0 && sameContents(valid, info)) {
        const add = (): number => store.registrar.addSignatures(path, info.signatures);
        await store.db.transaction(add, this.#signal);
      }
    } catch (error) {
      lock?.release();
      throw error;
    }
    lock?.release();
    await this.#skip(nar);
    this.#options.onAdded?.(path);
    return true;
  }

  /** Leaves a stream unread, in the way that its source expects. */
  async #skip(nar: NarStream): Promise<void> {
    if (nar.tree !== undefined || nar.isIndependent === true) return;
    const close = async (): Promise<void> => {
      for await (const _ of nar) break;
    };
    // A source that is broken says so when the next path is asked for.
    await this.orStopped(close().catch(() => {}));
  }

  #requireSound(info: PathInfo): void {
    const { storeDir, trust } = this.#context;
    this.#requireReferences(info);
    requireProperAddress(storeDir, info);
    if (this.#options.checkSigs !== false) requireTrust(storeDir, info, trust);
  }

  #requireReferences(info: PathInfo): void {
    const lost = info.references.find((path) => this.#failed.has(path));
    if (lost === undefined) return;
    const path = this.#print(info.path);
    throw new FerryError(
      'not-found',
      `cannot add path "${path}": it refers to path "${this.#print(lost)}", which could not be added`,
      { path },
    );
  }

  async #lock(path: StorePath): Promise<PathLock> {
    const { store, realDir } = this.#context;
    const realPath = join(realDir, path);
    // Whoever started us, a build hook of Nix's, holds the lock and waits for us.
    if (this.#context.heldLocks.has(path)) return { release() {} };
    const lock = tryLockPath(store.flock, realPath);
    if (lock !== undefined) return lock;
    await this.settle();
    return lockPath(store.flock, realPath, this.#signal);
  }

  async #unpack(job: Job, nar: NarStream): Promise<void> {
    const { info } = job;
    const { onBytes } = this.#options;
    const { source, used, isBegun } = sourceOf(nar);
    const work = unpackPath(this.#context, info, source, {
      signal: this.#signal,
      onBytes: onBytes && ((bytes) => onBytes(info.path, bytes)),
      describe: nar.compressed?.describe,
    }).then(
      () => (this.#jobs.has(info.path) ? this.#onUnpacked(job) : this.#takeBack(job)),
      (error: unknown) => {
        this.#jobs.delete(info.path);
        job.lock.release();
        this.#fail(info.path, error);
      },
    );
    const running = work
      .catch((error: unknown) => this.#stop.abort(error))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    if (used === undefined) return;
    await this.orStopped(Promise.race([used, running]));
    // One that was begun is closed as soon as it has answered what it was asked last; until then nobody else may ask.
    if (isBegun()) await this.orStopped(used);
    else await this.#skip(nar);
  }

  #onUnpacked(job: Job): void {
    job.isUnpacked = true;
    this.#unpackedPaths++;
    this.#unpackedBytes += job.info.narSize;
    const isDue = this.#unpackedPaths >= BATCH_PATHS || this.#unpackedBytes >= BATCH_BYTES;
    if (this.#signal.aborted) return;
    if (isDue) this.#registerSoon();
    else this.#timer ??= setTimeout(() => this.#registerSoon(), BATCH_MS);
  }

  #registerSoon(): void {
    this.#register(this.#signal).catch((error: unknown) => this.#stop.abort(error));
  }

  /** One after the other: a path that is being registered must not be registered again. */
  #register(signal: AbortSignal = this.#signal): Promise<void> {
    const registered = this.#registering.then(() => this.#registerReady(signal));
    this.#registering = registered.catch(() => {});
    return registered;
  }

  async #registerReady(signal: AbortSignal): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unpackedPaths = 0;
    this.#unpackedBytes = 0;
    const batch = await this.#ready();
    if (batch.length === 0) return;
    const { store } = this.#context;
    const now = Math.floor(Date.now() / 1000);
    const failures = await store.db.transaction(() => store.registrar.register(batch, now), signal);
    const valid = batch.map(({ info }) => info.path).filter((path) => !failures.has(path));
    // First of all: what is valid is no job any more, or an error below would have its contents removed.
    for (const path of valid) {
      this.#jobs.get(path)?.lock.release();
      this.#jobs.delete(path);
    }
    for (const path of valid) this.#options.onAdded?.(path);
    for (const [path, failure] of failures) {
      const job = this.#jobs.get(path);
      if (job !== undefined) await this.#drop(job, failure);
    }
  }

  /** Those that wait for nothing else: all they refer to is registered, or goes before them in the same batch. */
  async #ready(): Promise<Registration[]> {
    const batch: Registration[] = [];
    const going = new Set<StorePath>();
    for (const job of this.#jobs.values()) {
      const { info, isUnpacked } = job;
      const { path } = info;
      const waits = (other: StorePath): boolean =>
        other !== path && this.#jobs.has(other) && !going.has(other);
      if (!isUnpacked || info.references.some(waits)) continue;
      try {
        this.#requireReferences(info);
        const outputs = isDerivation(path) ? this.#context.outputsOf(path) : new Map();
        batch.push({ info, outputs });
        going.add(path);
      } catch (error) {
        await this.#drop(job, error);
      }
    }
    return batch;
  }

  /** Takes back what lies in place but can't become valid. */
  async #drop(job: Job, error: unknown): Promise<void> {
    await removeUnregistered(this.#context, job.info);
    this.#jobs.delete(job.info.path);
    job.lock.release();
    this.#fail(job.info.path, error);
  }

  #fail(path: StorePath, error: unknown): void {
    this.#failed.add(path);
    if (this.#signal.aborted) return;
    if (this.#options.onFailed === undefined) this.#stop.abort(error);
    else this.#options.onFailed(path, error);
  }

  #print(path: StorePath): string {
    return printStorePath(this.#context.storeDir, path);
  }
}
