/** Waiting in ways that an abort ends. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds of the longest wait that timers know, some 24 days: they take a longer one for none at all. */
export const WAIT_MS_MAX: number = 2 ** 31 - 1;

/** @throws the signal's reason, as soon as it is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * The outcome of a promise, or the abort if that comes first. Nothing stays behind at the signal, as a race with one
 * promise for its abort would leave its winner there for as long as the signal lives.
 * @throws the signal's reason, as soon as it is aborted.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(settled);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
