/** A limit on NARs that are read at the same time: the setting `max-substitution-jobs`. */
import type { NarStream } from '../store.ts';
import type { Semaphore } from './semaphore.ts';

/**
 * A stream counts from its first chunk to its end, and waits there until it is its turn. Trees on this machine don't
 * count: they cost no connection.
 */
export function limitedStream(nar: NarStream, slots: Semaphore, signal?: AbortSignal): NarStream {
  if (nar.tree !== undefined || nar.isIndependent !== true) return nar;
  return {
    path: nar.path,
    isIndependent: true,
    async *[Symbol.asyncIterator]() {
      await slots.acquire(signal);
      try {
        yield* nar;
      } finally {
        slots.release();
      }
    },
  };
}
