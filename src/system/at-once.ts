/** The same work for many things, some of them at a time. */

/**
 * Does it for each, at most `width` at the same time, in their order. After a failure nothing new is begun, and what is
 * at work has ended when this rejects.
 */
export async function forEachAtOnce<Item>(
  items: Iterable<Item>,
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const stop = new AbortController();
  const take = async (): Promise<void> => {
    try {
      while (!stop.signal.aborted) {
        const next = iterator.next();
        if (next.done === true) return;
        await work(next.value);
      }
    } catch (error) {
      stop.abort();
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: width }, take));
  for (const outcome of ended) if (outcome.status === 'rejected') throw outcome.reason;
}
