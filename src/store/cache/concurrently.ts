/** Many small pieces of work at the same time, but never more than a given number; more may turn up while it goes on. */

export interface Concurrency {
  /** How many at the same time. */
  readonly max: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Works on all of `items`, and on what `work` adds, as soon as there is room: one that takes long holds up nothing but
 * itself. The first failure ends it: the signal that `work` gets is aborted, nothing new is begun, and the failure is
 * thrown at once.
 */
export async function workConcurrently<T>(
  items: Iterable<T>,
  { max, signal }: Concurrency,
  work: (item: T, signal: AbortSignal, add: (item: T) => void) => Promise<void>,
): Promise<void> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const added: T[] = [];
  let taken = 0;
  let running = 0;
  const iterator = items[Symbol.iterator]();
  const next = (): IteratorResult<T, unknown> => {
    const item = iterator.next();
    if (item.done !== true || taken === added.length) return item;
    return { done: false, value: added[taken++] as T };
  };
  const fail = (error: unknown): void => {
    if (stop.signal.aborted) return;
    stop.abort(error);
    reject(error);
  };
  const run = async (item: T): Promise<void> => {
    try {
      await work(item, stop.signal, (more) => added.push(more));
      running--;
      start();
    } catch (error) {
      fail(error);
    }
  };
  const start = (): void => {
    while (running < max && !stop.signal.aborted) {
      const item = next();
      if (item.done === true) break;
      running++;
      void run(item.value);
    }
    if (running === 0) resolve();
  };
  const onAbort = (): void => fail(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    start();
    await ended;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
