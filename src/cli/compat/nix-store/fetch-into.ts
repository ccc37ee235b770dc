/** Has the store of an operation get paths that it lacks, told as Nix tells it. */
import type { StorePath } from '../../../format/store-path.ts';
import { fetchPaths, progressOf, type FetchFailures, type Fetching } from '../../fetch-paths.ts';
import { nixProgress, type CopyProgress } from '../../ui/copy-progress.ts';
import type { StoreScene } from './store-scene.ts';

/** Those that are there are held as well. @returns what can't be had, and why */
export async function fetchInto(
  { call, store, fetching }: StoreScene,
  paths: readonly StorePath[],
): Promise<FetchFailures> {
  const { signal } = call.context;
  const wanted = [...new Set(paths)];
  if (wanted.length === 0) return new Map();
  const hold = store.features.has('hold');
  const valid = await store.queryValidPaths(wanted, { hold, signal });
  const missing = wanted.filter((path) => !valid.has(path));
  if (missing.length === 0) return new Map();
  const from = await fetching();
  const progress = fetchProgress(from);
  try {
    return await fetchPaths(from, missing, progress);
  } finally {
    await progress.finish();
  }
}

/** On a terminal as everywhere; else a line for each path, as Nix has it. What failed is told by who asked for it. */
function fetchProgress(fetching: Fetching): CopyProgress {
  const { context, session, store, substituters } = fetching;
  if (context.stderr.isTerminal) return progressOf(fetching);
  const way = (path: StorePath): string => `from '${substituters.sourceOf(path)?.uri ?? ''}'`;
  const progress = nixProgress(context, { storeDir: store.storeDir, way });
  session.onLine = progress.print;
  return {
    ...progress,
    onEvent(event) {
      if (event.type === 'path-start' || event.type === 'path-substituted') progress.onEvent(event);
    },
  };
}
