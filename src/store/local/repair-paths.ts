/**
 * Valid paths whose files are broken or gone get new ones. What was verified beside the path takes its place in one
 * step, so that there is a path at every moment; programs that run from the old files keep them. Of a path that gets
 * the contents that it had nothing else changes; other contents are taken under the rules by which paths are added, and
 * the database is told.
 */
import { join } from 'node:path';
import { FerryError, isFerryError } from '../../error.ts';
import { hashesEqual } from '../../format/hash.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../format/store-path.ts';
import { loadExchange, type Exchange } from '../../system/exchange.ts';
import { unlessAborted } from '../../system/pause.ts';
import { syncDirectory } from '../../system/sync-directory.ts';
import type { CallOptions, NarStream, PathToAdd } from '../store.ts';
import type { AddContext } from './add-paths.ts';
import { requireProperAddress, unpackPath } from './adding.ts';
import { lockPath } from './path-lock.ts';
import { replaceInfo } from './repair-info.ts';
import { apartName, replaceTree } from './repair-place.ts';
import { sourceOf } from './source.ts';
import { requireTrust } from './trust.ts';

export interface RepairOptions extends CallOptions {
  /**
   * Whether other contents than those that the path had must be signed where the store's settings require it. Default
   * true. The same contents need no signature: the database knows their hash.
   */
  readonly checkSigs?: boolean | undefined;
  readonly onRepaired?: ((path: StorePath) => void) | undefined;
  /** The others go on. Without it the first failure ends the call. */
  readonly onFailed?: ((path: StorePath, error: unknown) => void) | undefined;
  readonly onBytes?: ((path: StorePath, bytes: number) => void) | undefined;
}

/** @throws what a path fails with, without `onFailed`; what reading the streams throws */
export async function repairPaths(
  context: AddContext,
  paths: AsyncIterable<PathToAdd>,
  options: RepairOptions = {},
): Promise<void> {
  const run = new RepairRun(context, options, await loadExchange());
  const running = new Set<Promise<void>>();
  const max = context.workers.width * 2;
  try {
    for await (const { info, nar } of paths) {
      options.signal?.throwIfAborted();
      // Nothing but the lock of its own path is ever held while another is waited for.
      const job = run.repair(info, nar).finally(() => running.delete(job));
      running.add(job);
      job.catch(() => {});
      if (nar.tree === undefined && nar.isIndependent !== true) await job;
      else if (running.size >= max) await Promise.race(running);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
}

class RepairRun {
  readonly #context: AddContext;
  readonly #options: RepairOptions;
  readonly #exchange: Exchange;

  constructor(context: AddContext, options: RepairOptions, exchange: Exchange) {
    this.#context = context;
    this.#options = options;
    this.#exchange = exchange;
  }

  async repair(info: PathInfo, nar: NarStream): Promise<void> {
    const { onRepaired, onFailed, signal } = this.#options;
    const { source, used, isBegun } = sourceOf(nar);
    try {
      await this.#repair(info, source, nar);
    } catch (error) {
      signal?.throwIfAborted();
      if (onFailed === undefined) throw error;
      onFailed(info.path, error);
      return;
    } finally {
      // Its source expects it to be closed before the next one is asked for.
      if (used !== undefined) await unlessAborted(isBegun() ? used : closeUnread(nar), signal);
    }
    onRepaired?.(info.path);
  }

  async #repair(
    info: PathInfo,
    source: ReturnType<typeof sourceOf>['source'],
    nar: NarStream,
  ): Promise<void> {
    const { store, realDir, heldLocks, storeDir } = this.#context;
    const { onBytes, signal } = this.#options;
    const { path } = info;
    // What new contents refer to must still be valid when the database is told of them.
    await store.tempRoots.add([path, ...info.references], signal);
    const lock = heldLocks.has(path)
      ? undefined
      : await lockPath(store.flock, join(realDir, path), signal);
    try {
      const isSame = await this.#requireSound(info);
      const unpacking = {
        signal,
        onBytes: onBytes && ((bytes: number) => onBytes(path, bytes)),
        describe: nar.compressed?.describe,
        place: (temporary: string, final: string) => this.#place(temporary, final),
      };
      await unpackPath(this.#context, info, source, unpacking);
      await store.db.transaction(() => {
        if (isSame) store.registrar.addSignatures(path, info.signatures);
        else replaceInfo(store.db, storeDir, info);
      }, signal);
    } finally {
      lock?.release();
    }
  }

  /** @returns whether these are the contents that it had. @throws FerryError */
  async #requireSound(info: PathInfo): Promise<boolean> {
    const { store, storeDir, trust } = this.#context;
    const { checkSigs = true, signal } = this.#options;
    const { path, references } = info;
    const printed = printStorePath(storeDir, path);
    const { known, missing } = await store.db.read(
      () => ({
        known: store.queries.infoOf(path),
        missing: references.find((other) => other !== path && !store.queries.isValid(other)),
      }),
      signal,
    );
    if (known === undefined) {
      throw new FerryError('not-found', `cannot repair "${printed}": it is not valid`, {
        path: printed,
      });
    }
    requireProperAddress(storeDir, info);
    if (hashesEqual(known.narHash, info.narHash)) return true;
    if (checkSigs) requireTrust(storeDir, info, trust);
    if (missing === undefined) return false;
    const lacking = printStorePath(storeDir, missing);
    const problem = `cannot repair "${printed}": it would refer to path "${lacking}", which is not valid`;
    throw new FerryError('not-found', problem, { path: printed });
  }

  async #place(temporary: string, final: string): Promise<void> {
    const { workers, realDir, syncStorePaths } = this.#context;
    // Of a run that was killed.
    await workers.remove(apartName(temporary));
    replaceTree(this.#exchange, temporary, final);
    if (syncStorePaths) syncDirectory(realDir);
    // What was there before has the name of what is unpacked now, and nobody needs it.
    try {
      await workers.remove(temporary);
      await workers.remove(apartName(temporary));
    } catch {
      // It has the name of something unfinished: the next to add the path, or to collect garbage, removes it.
    }
  }
}

async function closeUnread(nar: NarStream): Promise<void> {
  try {
    for await (const _ of nar) break;
  } catch (error) {
    // A source that is broken says so when the next path is asked for.
    if (isFerryError(error, 'internal')) throw error;
  }
}
