/** How a store that works on several paths at a time takes them from whoever adds them: one after the other, as it has room. */
import type { PathToAdd } from './store.ts';

/** Adding paths, from the first to the last. */
export interface AddingRun {
  /** Why it ended before its end, where it did. */
  readonly reason: unknown;
  /** Waits until another path may be begun. */
  room(): Promise<void>;
  /** The promise, unless the run is ended first. */
  orStopped<T>(promise: Promise<T>): Promise<T>;
  /** Begins with a path. */
  take(path: PathToAdd): Promise<void>;
  /** Everything that was begun is done when this returns. */
  settle(): Promise<void>;
  /** Ends what is at work. */
  abandon(reason: unknown): Promise<void>;
}

/** @throws what ended the run first */
export async function takePaths(run: AddingRun, paths: AsyncIterable<PathToAdd>): Promise<void> {
  const iterator = paths[Symbol.asyncIterator]();
  let isPulling = false;
  try {
    for (;;) {
      await run.room();
      isPulling = true;
      const next = await run.orStopped(iterator.next());
      isPulling = false;
      if (next.done === true) break;
      await run.take(next.value);
    }
    await run.settle();
  } catch (error) {
    await run.abandon(error);
    const closed = closeQuietly(iterator);
    // One that hangs in `next` would hang here too.
    if (!isPulling) await closed;
    throw run.reason ?? error;
  }
}

async function closeQuietly(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The run has failed already, for a reason that says more.
  }
}
