/** Reads the NARs of paths and compares their hashes with what the store says of them: for any store at all. */
import { FerryError, isFerryError } from '../error.ts';
import { hashesEqual, StreamingHash } from '../format/hash.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { CallOptions, ContentsResult, NarStream, Store } from '../store/store.ts';

export interface HashContentsOptions extends CallOptions {
  readonly onResult: (result: ContentsResult) => void;
  readonly onBytes?: ((path: StorePath, bytes: number) => void) | undefined;
}

/** NARs that are read at a time, where they may be. */
const AT_ONCE = 8;

/**
 * One path that can't be read doesn't keep the others from being looked at.
 * @throws FerryError `unavailable` where the store itself is gone.
 */
export async function hashContents(
  store: Store,
  infos: readonly PathInfo[],
  options: HashContentsOptions,
): Promise<void> {
  const waiting = new Map(infos.map((info) => [info.path, info]));
  while (waiting.size > 0) {
    const before = waiting.size;
    try {
      await hashAll(store, waiting, options);
      const [left] = waiting.keys();
      if (left === undefined) return;
      throw new FerryError('internal', `"${store.uri}" gave no NAR of "${left}"`);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isFerryError(error, 'unavailable') || isFerryError(error, 'internal')) throw error;
      // The streams have ended with an error between two paths: it is told of the next one, and the rest begins anew.
      const [next] = waiting.values();
      if (next === undefined) throw error;
      if (waiting.size === before) settle(waiting, outcomeOf(next, error), options);
    }
  }
}

/** Removes from `waiting` what it has told of. */
async function hashAll(
  store: Store,
  waiting: Map<StorePath, PathInfo>,
  options: HashContentsOptions,
): Promise<void> {
  const { signal } = options;
  const running = new Set<Promise<void>>();
  try {
    for await (const nar of store.readNars([...waiting.keys()], { signal })) {
      const info = waiting.get(nar.path);
      if (info === undefined) {
        throw new FerryError('internal', `the NAR of "${nar.path}" was not asked for`);
      }
      const job = hashOne(info, nar, options).then((result) => settle(waiting, result, options));
      if (nar.isIndependent !== true) {
        await job;
        continue;
      }
      const tracked = job.finally(() => running.delete(tracked));
      running.add(tracked);
      tracked.catch(() => {});
      if (running.size >= AT_ONCE) await Promise.race(running);
    }
  } finally {
    await Promise.allSettled(running);
  }
  signal?.throwIfAborted();
}

function settle(
  waiting: Map<StorePath, PathInfo>,
  result: ContentsResult,
  { onResult }: HashContentsOptions,
): void {
  waiting.delete(result.path);
  onResult(result);
}

async function hashOne(
  info: PathInfo,
  nar: NarStream,
  { signal, onBytes }: HashContentsOptions,
): Promise<ContentsResult> {
  const { path, narHash, narSize } = info;
  try {
    const state = new StreamingHash('sha256');
    for await (const chunk of nar) {
      if (state.size + chunk.length > narSize) {
        throw new FerryError('corrupt', `the NAR goes on after its ${narSize} bytes`);
      }
      state.update(chunk);
      onBytes?.(path, chunk.length);
    }
    const got = state.finish();
    return hashesEqual(narHash, got)
      ? { path, state: 'whole' }
      : { path, state: 'modified', expected: narHash, got };
  } catch (error) {
    signal?.throwIfAborted();
    return outcomeOf(info, error);
  }
}

/** What isn't the archive that was promised has been changed; all else only couldn't be read. */
function outcomeOf({ path, narHash }: PathInfo, error: unknown): ContentsResult {
  return isFerryError(error, 'corrupt')
    ? { path, state: 'modified', expected: narHash, error }
    : { path, state: 'failed', error };
}
