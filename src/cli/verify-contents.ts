/** Compares the contents of paths with what their store knows of them. */
import { FerryError, messageOf } from '../error.ts';
import { formatHash, hashesEqual, StreamingHash } from '../format/hash.ts';
import type { NarDigest } from '../format/nar/hash-nar.ts';
import type { PathInfo } from '../format/path-info.ts';
import type { StorePath } from '../format/store-path.ts';
import type { NarStream, Store } from '../store/store.ts';
import type { TreeWorkers } from '../system/tree-jobs.ts';

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Called for each path with what is wrong with it, or undefined. */
  readonly onChecked: (info: PathInfo, problem: string | undefined) => void;
}

/** Trees of this machine are hashed by the workers, as many at a time as there are; other NARs as they come. */
export async function verifyContents(
  store: Store,
  workers: TreeWorkers,
  infos: ReadonlyMap<StorePath, PathInfo>,
  { signal, onChecked }: VerifyOptions,
): Promise<void> {
  const running = new Set<Promise<void>>();
  for await (const nar of store.readNars(infos.keys(), { signal })) {
    const info = infos.get(nar.path);
    if (info === undefined) throw new FerryError('internal', `"${nar.path}" was not asked for`);
    if (nar.tree === undefined) {
      onChecked(info, differenceOf(info, await digestOf(nar)));
      continue;
    }
    const job = checkTree(workers, nar.tree, info, signal)
      .then((problem) => onChecked(info, problem))
      .finally(() => running.delete(job));
    running.add(job);
    if (running.size >= workers.width) await Promise.race(running);
  }
  await Promise.all(running);
}

async function checkTree(
  workers: TreeWorkers,
  tree: string,
  info: PathInfo,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return differenceOf(info, await workers.hash({ tree, signal }));
  } catch (error) {
    signal.throwIfAborted();
    // One path that can't be read says nothing about the others.
    return messageOf(error);
  }
}

async function digestOf(nar: NarStream): Promise<NarDigest> {
  const state = new StreamingHash('sha256');
  for await (const chunk of nar) state.update(chunk);
  return { narHash: state.finish(), narSize: state.size };
}

function differenceOf(info: PathInfo, found: NarDigest): string | undefined {
  if (hashesEqual(info.narHash, found.narHash)) return undefined;
  const expected = formatHash(info.narHash, 'sri');
  return `its contents have the hash ${formatHash(found.narHash, 'sri')} instead of ${expected}`;
}
