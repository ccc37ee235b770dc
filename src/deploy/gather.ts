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
  const all = new Settling(promises);
  let isLate = false;
  while (all.unsettled > 0) {
    if (all.ready.length === 0) {
      await all.change();
      continue;
    }
    if (!isLate) await waitPatiently(all, patienceMs, signal);
    isLate = true;
    yield all.ready.splice(0);
  }
  if (all.ready.length > 0) yield all.ready.splice(0);
}

/** Until all have settled, or patience is at its end. @throws the signal's reason */
async function waitPatiently(
  all: Settling<unknown>,
  patienceMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const late = pause(patienceMs, either).then(
    () => 'late' as const,
    () => 'late' as const,
  );
  while (all.unsettled > 0) {
    if ((await Promise.race([all.change(), late])) === 'late') break;
  }
  stop.abort();
  signal?.throwIfAborted();
}

/** What has become of promises so far. */
class Settling<T> {
  readonly ready: T[] = [];
  unsettled: number;
  #changed = Promise.withResolvers<void>();

  constructor(promises: readonly Promise<T | undefined>[]) {
    this.unsettled = promises.length;
    for (const promise of promises) void this.#take(promise);
  }

  /** Until one more has settled. */
  change(): Promise<void> {
    return this.#changed.promise;
  }

  async #take(promise: Promise<T | undefined>): Promise<void> {
    const value = await promise;
    this.unsettled--;
    if (value !== undefined) this.ready.push(value);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
