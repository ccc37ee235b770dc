/** Looks whether what the database says of paths still holds on the disk. */
import { lstatSync } from 'node:fs';
import { hashesEqual } from '../../format/hash.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { forEachAtOnce } from '../../system/at-once.ts';
import type { TreeWorkers } from '../../system/tree-jobs.ts';
import type { ContentsResult, VerifyContentsOptions } from '../store.ts';
import type { LocalStore } from './local-store.ts';

/** Paths whose infos are asked for at a time: memory is bounded however many there are. */
const CHUNK = 1000;

export async function verifyPaths(
  store: LocalStore,
  workers: TreeWorkers,
  paths: Iterable<StorePath>,
  options: VerifyContentsOptions,
): Promise<void> {
  const { onResult, signal } = options;
  for (const chunk of chunksOf(paths, CHUNK)) {
    const infos = await store.queryPathInfos(chunk, { signal });
    // One that came last would be at work alone.
    const sizeOf = (path: StorePath): number => infos.get(path)?.narSize ?? 0;
    const sorted = chunk.toSorted((a, b) => sizeOf(b) - sizeOf(a));
    // Twice as many as there are threads: each then finds its next job waiting.
    await forEachAtOnce(sorted, workers.width * 2, async (path) => {
      signal?.throwIfAborted();
      const info = infos.get(path);
      if (info === undefined) onResult({ path, state: 'not-valid' });
      else onResult(await verifyPath(store.toRealPath(path), info, workers, options));
    });
  }
}

async function verifyPath(
  tree: string,
  { path, narHash }: PathInfo,
  workers: TreeWorkers,
  { checkContents, signal, onBytes }: VerifyContentsOptions,
): Promise<ContentsResult> {
  try {
    if (lstatSync(tree, { throwIfNoEntry: false }) === undefined) {
      return { path, state: 'disappeared' };
    }
    if (checkContents !== true) return { path, state: 'whole' };
    const { narHash: got } = await workers.hash({
      tree,
      signal,
      onBytes: onBytes && ((bytes) => onBytes(path, bytes)),
    });
    if (hashesEqual(got, narHash)) return { path, state: 'whole' };
    return { path, state: 'modified', expected: narHash, got };
  } catch (error) {
    signal?.throwIfAborted();
    return { path, state: 'failed', error };
  }
}

function* chunksOf<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
