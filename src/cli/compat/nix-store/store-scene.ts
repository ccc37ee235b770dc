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

/** Has the store get what it lacks of these. @returns what can't be had, and why */
export async function fetchInto(
  scene: StoreScene,
  paths: readonly StorePath[],
): Promise<FetchFailures> {
  if (paths.length === 0) return new Map();
  const fetching = scene.fetching();
  const progress = progressOf(fetching);
  try {
    return await fetchPaths(fetching, paths, progress);
  } finally {
    await progress.finish();
  }
}
