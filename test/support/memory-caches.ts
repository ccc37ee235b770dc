/** Caches over objects in memory, filled and then spoiled. */
import { formatNarInfo, narInfoKey, parseNarInfo, type NarInfo } from '../../src/format/narinfo.ts';
import { defaultStoreDir, hashPartOf } from '../../src/format/store-path.ts';
import { toAdd, type Sample } from '../conformance/nars.ts';
import type { CacheStores } from './cache-stores.ts';
import { MemoryObjects } from './memory-objects.ts';

/** Objects of a cache with these paths, uncompressed; nothing was asked of them yet. */
export async function filledObjects(
  caches: CacheStores,
  samples: readonly Sample[],
  concurrency?: number,
): Promise<MemoryObjects> {
  const objects = new MemoryObjects(concurrency);
  await using store = await caches.open('', { objects, writing: { compression: 'none' } });
  await store.addPaths(toAdd(...samples));
  objects.log.length = 0;
  objects.mostRunning = 0;
  return objects;
}

export function keyOf({ info }: Sample): string {
  return narInfoKey(hashPartOf(info.path));
}

export function narInfoOf(objects: MemoryObjects, sample: Sample): NarInfo {
  return parseNarInfo(objects.text(keyOf(sample)), defaultStoreDir);
}

/** Writes a narinfo that says something else. */
export function changeNarInfo(
  objects: MemoryObjects,
  sample: Sample,
  changed: Partial<NarInfo>,
): void {
  const narInfo = { ...narInfoOf(objects, sample), ...changed };
  objects.set(keyOf(sample), formatNarInfo(narInfo, defaultStoreDir));
}
