/** Reading a stream of bytes so that an abort ends the wait for its next chunk. */
import { unlessAborted } from '../pause.ts';

/**
 * The chunks that have something in them. A source that never answers can't hold up an abort; it is closed as soon as
 * it does answer. The last chunk given isn't looked at any more once the next is asked for.
 * @throws the signal's reason
 */
export async function* pull(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = bytes[Symbol.asyncIterator]();
  let isAsked = false;
  let isDone = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      isAsked = true;
      const next = await unlessAborted(source.next(), signal);
      isAsked = false;
      if (next.done === true) {
        isDone = true;
        return;
      }
      if (next.value.length > 0) yield next.value;
    }
  } finally {
    // One that failed, or that hangs in `next`, is not waited for.
    const closed = isDone ? undefined : closeQuietly(source);
    if (!isAsked) await closed;
  }
}

async function closeQuietly(source: AsyncIterator<unknown>): Promise<void> {
  try {
    await source.return?.();
  } catch {
    // Whoever stops reading has a reason that says more, or none.
  }
}
