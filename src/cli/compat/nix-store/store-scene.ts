/** What operations that ask a store work with. */
import type { StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import {
  fetchPaths,
  openFetching,
  progressOf,
  type FetchFailures,
  type Fetching,
} from '../../fetch-paths.ts';
import { nixProgress, type CopyProgress } from '../../ui/copy-progress.ts';
import { openSession, type Session } from '../../session.ts';
import type { NixStoreCall } from './operation.ts';

export interface StoreScene {
  readonly call: NixStoreCall;
  readonly session: Session;
  readonly store: Store;
  /** Made when it is first wanted: substituters are asked once. */
  readonly fetching: () => Fetching;
}

/** Opens the store that was asked for, and closes it when the work is done. */
export async function withStore<T>(
  call: NixStoreCall,
  work: (scene: StoreScene) => Promise<T>,
): Promise<T> {
  await using session = openSession(call.context);
  const store = await session.open(call.store);
  // What can be had is fetched, as Nix does, also where something else can't.
  const open = (): Fetching => openFetching(call.context, session, store, { keepGoing: true });
  let fetching: Fetching | undefined;
  return await work({ call, session, store, fetching: () => (fetching ??= open()) });
}

/** Has the store get what it lacks of these, and holds them. @returns what can't be had, and why */
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
  const progress = fetchProgress(fetching());
  try {
    return await fetchPaths(fetching(), missing, progress);
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
