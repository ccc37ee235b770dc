/** Decompresses on threads of ours: bzip2 and lzip, for which there is no library. */
import { StreamFeeder } from '../threads/feed.ts';
import { chunksOf } from '../threads/job-chunks.ts';
import type { ThreadDecompression } from '../threads/messages.ts';
import { ThreadPool } from '../threads/thread-pool.ts';

/**
 * As many as there are streams at the same time: a thread whose output nobody takes is blocked, and must not be in the
 * way of another's. They are kept for the next stream, and keep no process alive.
 */
const threads = new ThreadPool(Number.POSITIVE_INFINITY);

/** @throws FerryError `corrupt`; what the source throws; the signal's reason */
export async function* decompressOnThread(
  compression: ThreadDecompression,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const thread = await threads.acquire(signal);
  const feeder = new StreamFeeder(bytes, thread, { keepsChunks: true });
  let failure: { readonly error: unknown } | undefined;
  try {
    yield* chunksOf((listener) => {
      const onBuffer = (): void => feeder.bufferIsBack();
      const job = { kind: 'decompress', compression } as const;
      const running = threads.start(thread, job, { ...listener, onBuffer }, signal);
      void feeder.run(running).catch((error: unknown) => {
        failure = { error };
        running.stop();
      });
      return running;
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw failure === undefined ? error : failure.error;
  } finally {
    feeder.stop();
  }
}
