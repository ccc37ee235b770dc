/** What operations that ask a store work with. */
import type { Store } from '../../../store/store.ts';
import type { Fetching } from '../../fetch-paths.ts';
import { openSession, type Session } from '../../session.ts';
import type { NixStoreCall } from './operation.ts';

export interface StoreScene {
  readonly call: NixStoreCall;
  readonly session: Session;
  readonly store: Store;
  /** Made when it is first wanted, which is seldom: substituters are asked once. */
  readonly fetching: () => Promise<Fetching>;
}

/** Opens the store that was asked for, and closes it when the work is done. */
export async function withStore<T>(
  call: NixStoreCall,
  work: (scene: StoreScene) => Promise<T>,
): Promise<T> {
  await using session = openSession(call.context);
  const store = await session.open(call.store);
  const open = async (): Promise<Fetching> => {
    const { openFetching } = await import('../../fetch-paths.ts');
    // What can be had is fetched, as Nix does, also where something else can't.
    return openFetching(call.context, session, store, { keepGoing: true });
  };
  let fetching: Promise<Fetching> | undefined;
  return await work({ call, session, store, fetching: () => (fetching ??= open()) });
}
