/** The chunks that a job sends, as a stream. */
import type { AnyJobResult } from './messages.ts';
import type { JobListener } from './thread.ts';
import type { StartedJob } from './thread-pool.ts';

/**
 * Starts a job and yields what it sends; returns its result. The job is blocked while too many of its chunks aren't
 * taken, and is stopped when the iteration is left.
 * @throws what the job throws
 */
export async function* chunksOf(
  start: (listener: Pick<JobListener, 'onChunk'>) => StartedJob,
): AsyncGenerator<Uint8Array, AnyJobResult, undefined> {
  const chunks: Uint8Array[] = [];
  let news = Promise.withResolvers<void>();
  let end: { readonly result?: AnyJobResult; readonly error?: unknown } | undefined;
  const job = start({
    onChunk: (bytes) => {
      chunks.push(bytes);
      news.resolve();
    },
  });
  const ended = (how: typeof end): void => {
    end = how;
    news.resolve();
  };
  void job.result.then(
    (result) => ended({ result }),
    (error: unknown) => ended({ error }),
  );
  try {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        job.giveCredit();
      } else if (end === undefined) {
        await news.promise;
        news = Promise.withResolvers();
      } else if ('error' in end) {
        throw end.error;
      } else {
        return end.result;
      }
    }
  } finally {
    job.stop();
  }
}
