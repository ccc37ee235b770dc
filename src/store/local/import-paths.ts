/**
 * Takes in an export stream in one pass. What a path is called comes after its NAR: so each is unpacked, hashed on the
 * way, under a name of ours (`import-area.ts`), while the next ones are read; and in the order of the stream they are
 * then moved to where they belong, and registered some at a time. What Nix would refuse ends it just there: paths
 * before stay, of those after it nothing is left.
 *
 * Nix trusts whoever may import: a stream has no signatures, and the hash that a path is registered with is that of
 * the bytes that came.
 */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { isDerivation, printStorePath, type StorePath } from '../../format/store-path.ts';
import { exists } from '../../system/exists.ts';
import { translateOsError } from '../../system/os-error.ts';
import { unlessAborted } from '../../system/pause.ts';
import type { TreeDigest } from '../../system/tree-jobs.ts';
import { syncDirectory } from '../../system/sync-directory.ts';
import { readExport } from '../../wire/export-stream.ts';
import type { ExportTrailer } from '../../wire/export-trailer.ts';
import type { ImportOptions } from '../store.ts';
import type { AddContext } from './add-paths.ts';
import { linksDirOf } from './links-dir.ts';
import { openImportArea, type ImportArea } from './import-area.ts';
import { lockPath, tryLockPath, type PathLock } from './path-lock.ts';
import type { Registration } from './register.ts';

type ImportContext = Omit<AddContext, 'trust'>;

/** A batch is registered when it has so many paths, or so many bytes, or after so many milliseconds. */
const BATCH_PATHS = 128;
const BATCH_BYTES = 64 << 20;
const BATCH_MS = 100;
/** Paths that are unpacked, or about to be, and not in place yet. */
const AHEAD = 64;
/** Milliseconds that a busy database may hold up the registration of what was whole before an error. */
const LAST_REGISTRATION_MS = 300;
/** Milliseconds to remove what was begun before an error is passed on all the same. */
const CLEAN_UP_MS = 300;

/** @throws FerryError `corrupt` for what is no such stream, `not-found` for a reference that isn't valid */
export async function importPaths(
  context: ImportContext,
  reader: ByteReader,
  options: ImportOptions,
): Promise<void> {
  await using area = await openImportArea(context, options.signal);
  await new ImportRun(context, area, options).run(reader);
}

/** A path that lies in place and is locked, but not registered yet. */
interface Placed {
  readonly registration: Registration;
  readonly lock: PathLock;
}

class ImportRun {
  readonly #context: ImportContext;
  readonly #area: ImportArea;
  readonly #options: ImportOptions;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** Trees under names of ours. */
  readonly #targets = new Set<string>();
  readonly #unpacking = new Set<Promise<unknown>>();
  /** Placing and registering, one after the other, in the order of the stream. */
  #chain: Promise<void> = Promise.resolve();
  readonly #batch = new Map<StorePath, Placed>();
  #batchBytes = 0;
  #registering: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** References that were found valid, or will be. */
  readonly #known = new Set<StorePath>();

  constructor(context: ImportContext, area: ImportArea, options: ImportOptions) {
    this.#context = context;
    this.#area = area;
    this.#options = options;
    const { signal } = options;
    this.#signal =
      signal === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, signal]);
  }

  async run(reader: ByteReader): Promise<void> {
    try {
      try {
        await this.#readAll(reader);
      } finally {
        // What came whole before the stream broke is taken all the same.
        await unlessAborted(this.#chain, this.#signal);
      }
      await this.#register(this.#signal);
    } catch (error) {
      const reason: unknown = this.#signal.aborted ? this.#signal.reason : error;
      this.#stop.abort(reason);
      await this.#cleanUp();
      throw reason;
    } finally {
      clearTimeout(this.#timer);
    }
  }

  async #readAll(reader: ByteReader): Promise<void> {
    const queue: Promise<void>[] = [];
    // By hand: a loop that is left would wait for what the generator itself waits for, bytes that may never come.
    const paths = readExport(reader, this.#context.storeDir);
    for (let number = 1; ; number++) {
      const next = await this.#orStopped(paths.next());
      if (next.done === true) return;
      await this.#context.makeRoom?.(this.#signal);
      const { nar, readTrailer } = next.value;
      const target = this.#area.nextTarget();
      const unpacked = this.#unpack(nar, target, number);
      const trailer = await this.#orStopped(
        unpacked.used.then(readTrailer).catch((error: unknown) => {
          throw numbered(error, number, target);
        }),
      );
      queue.push(this.#enqueue(() => this.#place(unpacked.digest, target, trailer)));
      if (queue.length > AHEAD) await this.#orStopped(queue.shift() as Promise<void>);
    }
  }

  /** `used` resolves once nothing more of the NAR will be read, and rejects where it can't be unpacked. */
  #unpack(
    nar: AsyncIterable<Uint8Array>,
    target: string,
    number: number,
  ): { readonly digest: Promise<TreeDigest>; readonly used: Promise<void> } {
    const { workers, syncStorePaths } = this.#context;
    const { promise: allRead, resolve } = Promise.withResolvers<void>();
    const source = (async function* () {
      yield* nar;
      resolve();
    })();
    this.#targets.add(target);
    const { onBytes } = this.#options;
    const digest = workers
      .unpack({ source, target, sync: syncStorePaths, signal: this.#signal, onBytes })
      .catch((error: unknown) => {
        this.#targets.delete(target);
        throw numbered(error, number, target);
      })
      .finally(() => this.#unpacking.delete(digest));
    this.#unpacking.add(digest);
    digest.catch(() => {});
    return { digest, used: Promise.race([allRead, digest.then(() => allRead)]) };
  }

  /** Does it after all that was enqueued before; after a failure nothing more is done. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#chain.then(work);
    this.#chain = done;
    // Whoever waits for the chain hears of it, and the reading loop must end.
    done.catch((error: unknown) => this.#stop.abort(error));
    return done;
  }

  async #place(
    unpacked: Promise<TreeDigest>,
    target: string,
    { path, references, deriver }: ExportTrailer,
  ): Promise<void> {
    const { narHash, narSize } = await unpacked;
    const { store, realDir, syncStorePaths, autoOptimise, workers } = this.#context;
    // Before anything is asked: what is found valid must not be collected the next moment.
    await store.tempRoots.add([path, ...references], this.#signal);
    if (await this.#isThere(path, target)) return;
    const lock = await this.#lock(path);
    try {
      // Somebody may have made it before the lock was ours.
      if (await this.#isThere(path, target)) {
        lock.release();
        return;
      }
      await this.#requireReferences(path, references);
      const final = join(realDir, path);
      if (exists(final)) await workers.remove(final);
      if (autoOptimise === true) {
        const linksDir = linksDirOf(realDir);
        await workers.share({
          tree: target,
          linksDir,
          temporaryDir: realDir,
          signal: this.#signal,
        });
      }
      // After an error nobody would take it away again.
      this.#signal.throwIfAborted();
      move(target, final, printStorePath(this.#context.storeDir, path));
      this.#targets.delete(target);
      if (syncStorePaths) syncDirectory(realDir);
      const info = { path, narHash, narSize, references, deriver, signatures: [] };
      try {
        const outputs = isDerivation(path) ? this.#context.outputsOf(path) : new Map();
        this.#batch.set(path, { registration: { info, outputs }, lock });
      } catch (error) {
        await workers.remove(final);
        throw error;
      }
    } catch (error) {
      lock.release();
      throw error;
    }
    this.#known.add(path);
    this.#batchBytes += narSize;
    if (this.#batch.size >= BATCH_PATHS || this.#batchBytes >= BATCH_BYTES) {
      await this.#register(this.#signal);
    } else {
      this.#timer ??= setTimeout(() => {
        this.#register(this.#signal).catch((error: unknown) => this.#stop.abort(error));
      }, BATCH_MS);
    }
  }

  /** Whether the path is valid, or comes twice: then what was unpacked is of no use, whatever it is. */
  async #isThere(path: StorePath, target: string): Promise<boolean> {
    const { store, workers } = this.#context;
    if (!this.#batch.has(path)) {
      const isValid = await store.db.read(() => store.queries.isValid(path), this.#signal);
      if (!isValid) return false;
      this.#known.add(path);
    }
    await workers.remove(target);
    this.#targets.delete(target);
    // In the order of the stream.
    if (this.#batch.has(path)) await this.#register(this.#signal);
    this.#options.onImported?.(path, { wasValid: true, narSize: 0 });
    return true;
  }

  async #lock(path: StorePath): Promise<PathLock> {
    const { store, realDir, heldLocks } = this.#context;
    const realPath = join(realDir, path);
    // Whoever started us holds the lock and waits for us.
    if (heldLocks.has(path)) return { release() {} };
    const lock = tryLockPath(store.flock, realPath);
    if (lock !== undefined) return lock;
    // Nobody waits while holding what another may wait for.
    await this.#register(this.#signal);
    return await lockPath(store.flock, realPath, this.#signal);
  }

  async #requireReferences(path: StorePath, references: readonly StorePath[]): Promise<void> {
    const asked = references.filter((other) => other !== path && !this.#known.has(other));
    if (asked.length === 0) return;
    const { store } = this.#context;
    await store.db.read(() => {
      for (const reference of asked) {
        if (!store.queries.isValid(reference)) throw this.#lacks(path, reference);
        this.#known.add(reference);
      }
    }, this.#signal);
  }

  #lacks(path: StorePath, reference: StorePath): FerryError {
    const { storeDir } = this.#context;
    const printed = printStorePath(storeDir, path);
    const missing = printStorePath(storeDir, reference);
    return new FerryError(
      'not-found',
      `cannot import path "${printed}": it refers to path "${missing}", which is not valid`,
      { path: printed, hint: 'export it with all that it refers to' },
    );
  }

  /** Makes valid what lies in place. One after the other: what is being registered must not be registered again. */
  #register(signal: AbortSignal): Promise<void> {
    const registered = this.#registering.then(() => this.#registerPlaced(signal));
    this.#registering = registered.catch(() => {});
    return registered;
  }

  async #registerPlaced(signal: AbortSignal): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#batchBytes = 0;
    const batch = [...this.#batch];
    if (batch.length === 0) return;
    const { store } = this.#context;
    const now = Math.floor(Date.now() / 1000);
    const registrations = batch.map(([, { registration }]) => registration);
    const failures = await store.db.transaction(
      () => store.registrar.register(registrations, now),
      signal,
    );
    const valid = batch.filter(([path]) => !failures.has(path));
    // First of all: what is valid is in no batch any more, or an error below would have its contents removed.
    for (const [path, { lock }] of valid) {
      lock.release();
      this.#batch.delete(path);
    }
    for (const [path, { registration }] of valid) {
      this.#options.onImported?.(path, { wasValid: false, narSize: registration.info.narSize });
    }
    const [failure] = failures.values();
    if (failure !== undefined) throw failure;
  }

  /** Registers what is whole and in place, removes the rest, and takes no long time over it. */
  async #cleanUp(): Promise<void> {
    const late = AbortSignal.timeout(CLEAN_UP_MS);
    await unlessAborted(Promise.allSettled(this.#unpacking), late).catch(() => {});
    await unlessAborted(this.#chain, late).catch(() => {});
    try {
      await this.#register(AbortSignal.timeout(LAST_REGISTRATION_MS));
    } catch {
      // What ended the import comes first; these paths are simply not valid.
    }
    const { workers, realDir } = this.#context;
    const placed = [...this.#batch].map(async ([path, { lock }]) => {
      await workers.remove(join(realDir, path));
      lock.release();
    });
    const left = [...this.#targets].map((target) => workers.remove(target));
    const removed = Promise.allSettled([...placed, ...left]);
    await unlessAborted(removed, AbortSignal.timeout(CLEAN_UP_MS)).catch(() => {});
  }

  #orStopped<T>(promise: Promise<T>): Promise<T> {
    return unlessAborted(promise, this.#signal);
  }
}

/** What a path is called nobody knows before it is over, and a name of ours says nothing to anybody. */
function numbered(error: unknown, number: number, target: string): unknown {
  const stands = `cannot import path ${number} of the stream: `;
  if (!isFerryError(error) || error.message.startsWith(stands)) return error;
  const { code, offset, hint } = error;
  const why = messageOf(error).replaceAll(`${target}/`, '').replaceAll(target, 'it');
  return new FerryError(code, `${stands}${why}`, {
    cause: error,
    ...(offset === undefined ? {} : { offset }),
    ...(hint === undefined ? {} : { hint }),
  });
}

function move(target: string, final: string, path: string): void {
  try {
    renameSync(target, final);
  } catch (error) {
    throw translateOsError(error, 'import', path);
  }
}
