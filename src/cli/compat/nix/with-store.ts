/** The store that a verb works on. */
import type { Store } from '../../../store/store.ts';
import { openSession, type Session } from '../../session.ts';
import type { NixCall } from './verb.ts';

/**
 * Opens the store that `--store` names, or this machine's own, for as long as `use` runs.
 * @throws what opening throws, and what `use` does
 */
export async function withStore<Result>(
  { context, store: uri }: NixCall,
  use: (store: Store, session: Session) => Promise<Result>,
): Promise<Result> {
  await using session = openSession(context);
  return await use(await session.openExisting(uri), session);
}
