/** Waits for many that become ready, with limited patience for the slow ones. */
import { pause } from '../system/pause.ts';

export interface GatherOptions {
  /** How long the others are waited for once the first one is ready. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Groups of what became ready: the first when all have settled or patience is at its end, then whoever comes late, each
 * alone. Those that turn out to be undefined are left out; nothing may reject.
 */
export async function* gather<T>(
  promises: readonly Promise<T | undefined>[],
  { patienceMs, signal }: GatherOptions,
): AsyncGenerator<T[], void, undefined> {
  const ready: T[] = [];
  let unsettled = promises.length;
  let changed = Promise.withResolvers<void>();
  for (const promise of promises) {
    void promise.then((value) => {
      unsettled--;
      if (value !== undefined) ready.push(value);
      changed.resolve();
    });
  }
  let isLate = false;
  while (unsettled > 0) {
    await changed.promise;
    changed = Promise.withResolvers();
    if (ready.length === 0) continue;
    if (!isLate && unsettled > 0) {
      const stop = new AbortController();
      const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
      const late = pause(patienceMs, either).catch(() => {});
      while (unsettled > 0 && (await Promise.race([changed.promise.then(() => true), late]))) {
        changed = Promise.withResolvers();
      }
      stop.abort();
      signal?.throwIfAborted();
    }
    isLate = true;
    yield ready.splice(0);
  }
  if (ready.length > 0) yield ready.splice(0);
}
