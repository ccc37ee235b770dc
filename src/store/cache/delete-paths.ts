/**
 * Removing paths from a cache whose keys can be listed: narinfos first, those that refer before those that are referred
 * to, so that the cache is closed at every moment; then what belongs to them. A NAR goes only when no narinfo that is
 * left names it. Somebody who adds to the cache meanwhile may have counted on it: that can't be known, and is for
 * whoever calls this to rule out.
 */
import { FerryError } from '../../error.ts';
import { narInfoKey, type NarInfo } from '../../format/narinfo.ts';
import { otherReferences } from '../../format/path-info.ts';
import {
  hashPartOf,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import { workConcurrently } from './concurrently.ts';
import type { NarInfos } from './narinfos.ts';
import { isObjectKey } from './object-key.ts';
import type { Objects } from './objects.ts';

interface DeleteContext {
  readonly objects: Objects;
  readonly storeDir: StoreDir;
  readonly narInfos: NarInfos;
}

/**
 * @param all the narinfos of the whole cache
 * @throws FerryError `conflict` when a path that stays refers to one of them, `unsupported` where nothing can be removed
 */
export async function deletePaths(
  { objects, storeDir, narInfos }: DeleteContext,
  all: ReadonlyMap<StorePath, NarInfo>,
  paths: Iterable<StorePath>,
  signal: AbortSignal,
): Promise<void> {
  const going = new Set([...paths].filter((path) => all.has(path)));
  const print = (path: StorePath): string => printStorePath(storeDir, path);
  const remove = async (key: string): Promise<void> => {
    if (objects.delete === undefined) {
      throw new FerryError('unsupported', `cannot remove anything from "${objects.uri}"`);
    }
    await objects.delete(key, { signal });
  };
  const staying = new Set<string>();
  for (const { info, url } of all.values()) {
    if (going.has(info.path)) continue;
    staying.add(url);
    const needed = info.references.find((path) => going.has(path));
    if (needed === undefined) continue;
    const problem = `cannot remove "${print(needed)}" from "${objects.uri}": "${print(info.path)}" refers to it`;
    throw new FerryError('conflict', problem, { path: print(needed), store: objects.uri });
  }
  const referrers = countReferrers(going, all);
  const free = [...going].filter((path) => referrers.get(path) === 0);
  const { concurrency: max } = objects;
  await workConcurrently(free, { max, signal }, async (path, _signal, add) => {
    await remove(narInfoKey(hashPartOf(path)));
    narInfos.forget(path);
    for (const reference of referencesOf(path, all)) {
      const left = referrers.get(reference);
      if (left === undefined) continue;
      referrers.set(reference, left - 1);
      if (left === 1) add(reference);
    }
  });
  const files = new Set<string>();
  for (const path of going) {
    const url = all.get(path)?.url ?? '';
    files.add(`${hashPartOf(path)}.ls`);
    // Whoever wrote the narinfo may have named anything, the narinfo of another path for one.
    if (url.startsWith('nar/') && !staying.has(url) && isObjectKey(url)) files.add(url);
  }
  await workConcurrently(files, { max, signal }, remove);
}

function countReferrers(
  going: ReadonlySet<StorePath>,
  all: ReadonlyMap<StorePath, NarInfo>,
): Map<StorePath, number> {
  const counts = new Map([...going].map((path) => [path, 0]));
  for (const path of going) {
    for (const reference of referencesOf(path, all)) {
      const count = counts.get(reference);
      if (count !== undefined) counts.set(reference, count + 1);
    }
  }
  return counts;
}

function referencesOf(path: StorePath, all: ReadonlyMap<StorePath, NarInfo>): readonly StorePath[] {
  const narInfo = all.get(path);
  return narInfo === undefined ? [] : otherReferences(narInfo.info);
}
