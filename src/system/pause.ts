/** Waiting a while, in a way that an abort ends. */
import { setTimeout as sleep } from 'node:timers/promises';

/** @throws the signal's reason, as soon as it is aborted. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
