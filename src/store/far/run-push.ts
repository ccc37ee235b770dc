/** The course of a push, whatever the protocol: paths are taken one after the other, and a failure ends the waiting. */
import { unlessAborted } from '../../system/pause.ts';
import type { PathToAdd } from '../store.ts';

export interface PushSteps {
  /** Aborted by the first failure, where the first is the last. */
  readonly failed: AbortSignal;
  open(): Promise<void>;
  /** Done when nothing more is read of it. */
  add(path: PathToAdd): Promise<void>;
  /** Until everything that was sent is acknowledged or has failed. */
  settle(): Promise<void>;
  /** What to throw, after hearing of all that the far end still makes valid. */
  giveUp(problem: unknown): Promise<unknown>;
  close(): void;
}

export async function runPush(push: PushSteps, paths: AsyncIterable<PathToAdd>): Promise<void> {
  const iterator = paths[Symbol.asyncIterator]();
  let isWaiting = false;
  let isOver = false;
  try {
    await push.open();
    for (;;) {
      isWaiting = true;
      // A far end that fails while the source is slow is not to be waited out.
      const next = await unlessAborted(iterator.next(), push.failed);
      isWaiting = false;
      if (next.done === true) break;
      await push.add(next.value);
    }
    isOver = true;
    await push.settle();
  } catch (error) {
    throw await push.giveUp(error);
  } finally {
    push.close();
    if (!isOver) {
      const closed = Promise.resolve(iterator.return?.()).catch(() => {});
      // A source that is being waited for only closes after it has answered.
      if (!isWaiting) await closed;
    }
  }
}
