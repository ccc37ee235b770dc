/** A valid path's references are valid: what else a store promises. Finds those that aren't. */
import { chunksOf } from '../copy/chunks.ts';
import type { StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';

/** Paths whose infos are asked for at a time: memory is bounded however many there are. */
const CHUNK = 1000;

export async function* invalidReferences(
  store: Store,
  paths: readonly StorePath[],
  signal: AbortSignal,
): AsyncGenerator<{ readonly path: StorePath; readonly reference: StorePath }> {
  const known = new Set(paths);
  for (const chunk of chunksOf(paths, CHUNK)) {
    const infos = await store.queryPathInfos(chunk, { signal });
    const references = new Set([...infos.values()].flatMap((info) => info.references));
    const unknown = [...references].filter((path) => !known.has(path));
    const valid = await store.queryValidPaths(unknown, { signal });
    for (const { path, references } of infos.values()) {
      for (const reference of references) {
        if (!known.has(reference) && !valid.has(reference)) yield { path, reference };
      }
    }
  }
}
