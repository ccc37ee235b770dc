/** Stores that are only asked for signatures: one that can't be opened is told of, and left out. */
import { messageOf } from '../error.ts';
import type { Store } from '../store/store.ts';
import { say, type CommandContext } from './context.ts';
import { printable } from './errors.ts';
import type { Session } from './session.ts';

export async function openSubstituters(
  context: CommandContext,
  session: Session,
  uris: readonly string[],
): Promise<Store[]> {
  const stores: Store[] = [];
  for (const uri of uris) {
    try {
      stores.push(await session.open(uri));
    } catch (error) {
      context.signal.throwIfAborted();
      await say(context, `warning: ${printable(messageOf(error))}`);
    }
  }
  return stores;
}
