/** The body of an answer, which goes on where it broke off: with the rest of it, or with all of it once more. */
import type { BodyQueue } from './body-queue.ts';
import { BrokenAnswerError, TooLongToShareError } from './connect-error.ts';
import { parseLength } from './exchange.ts';
import type { HttpResponse } from './http-types.ts';
import type { Arrival, Journey } from './journey.ts';
import type { RateLimit } from './rate-limit.ts';
import { canBeSame, ifRangeOf, representationOf, type Representation } from './representation.ts';
import type { Attempts } from './retry.ts';
import { statusName } from './status-name.ts';

export interface BodyContext {
  readonly attempts: Attempts;
  readonly limit: RateLimit | undefined;
  readonly signal: AbortSignal | undefined;
  readonly translate: (error: unknown) => unknown;
}

/** Changed between two attempts, or not known to be the same: no attempt will mend it. */
class ChangedError extends Error {
  override readonly name = 'ChangedError';
}

export function makeBody(
  journey: Journey,
  { answer }: Arrival,
  context: BodyContext,
): Pick<HttpResponse, 'size' | 'bytes' | 'discard'> {
  const { status, headers, body } = answer;
  const size = parseLength(headers.get('content-length') ?? '');
  let isDiscarded = false;
  const discard = (): void => {
    isDiscarded = true;
    body.cancel();
  };
  let whole: Representation | undefined;
  try {
    const isContent = status === 200 || status === 206;
    if (journey.canBeResumed && isContent) whole = representationOf(status, headers);
  } catch (error) {
    discard();
    throw error;
  }
  const read = readBody(journey, body, { ...context, size, whole, isDiscarded: () => isDiscarded });
  // A generator that never began doesn't hear that nobody wants it.
  const bytes: AsyncIterableIterator<Uint8Array, undefined> = {
    next: () => read.next() as Promise<IteratorResult<Uint8Array, undefined>>,
    return: async () => {
      discard();
      await read.return();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => bytes,
  };
  return { size, bytes, discard };
}

interface ReadContext extends BodyContext {
  readonly size: number | undefined;
  /** What is read, where it can be gone on with. */
  readonly whole: Representation | undefined;
  readonly isDiscarded: () => boolean;
}

async function* readBody(
  journey: Journey,
  first: BodyQueue,
  { attempts, limit, signal, translate, size, whole, isDiscarded }: ReadContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  let body = first;
  let delivered = 0;
  let toSkip = 0;
  try {
    for (;;) {
      try {
        for (;;) {
          const next = await body.next();
          if (next.done === true) break;
          const chunk = next.value.subarray(toSkip);
          toSkip -= Math.min(toSkip, next.value.length);
          if (chunk.length === 0) continue;
          if (limit !== undefined) await limit.take(chunk.length, signal);
          delivered += chunk.length;
          attempts.progressed(chunk.length);
          yield chunk;
        }
        if (isDiscarded() || size === undefined || delivered === size) return;
        throw new BrokenAnswerError(`the body ended after ${delivered} of ${size} bytes`);
      } catch (error) {
        // With HTTP/2 a stream may break after its last byte.
        if (size !== undefined && delivered === size) return;
        if (whole === undefined) throw error;
        if (error instanceof TooLongToShareError) journey.becomeLong();
        await attempts.failed(error, journey.trip);
      }
      ({ body, toSkip } = await goOn(journey, whole, delivered));
    }
  } catch (error) {
    throw translate(error);
  } finally {
    body.cancel();
  }
}

async function goOn(
  journey: Journey,
  whole: Representation,
  delivered: number,
): Promise<{ body: BodyQueue; toSkip: number }> {
  const start = whole.start + delivered;
  const end = journey.request.range?.end ?? '';
  const ifRange = ifRangeOf(whole);
  const { answer } = await journey.go(
    start === 0
      ? {}
      : {
          range: `bytes=${start}-${end}`,
          ...(ifRange === undefined ? {} : { 'if-range': ifRange }),
        },
  );
  try {
    return { body: answer.body, toSkip: bytesToSkip(answer.status, answer.headers, whole, start) };
  } catch (error) {
    answer.body.cancel();
    throw error;
  }
}

/** How much of what comes now was there before. @throws ChangedError */
function bytesToSkip(
  status: number,
  headers: ReadonlyMap<string, string>,
  whole: Representation,
  start: number,
): number {
  if (status !== 200 && status !== 206) {
    throw new ChangedError(`it broke off, and then the server answered ${statusName(status)}`);
  }
  const now = representationOf(status, headers);
  if (!canBeSame(whole, now)) {
    throw new ChangedError(
      start === 0
        ? 'it changed while it was read'
        : `it broke off after ${start} bytes, and changed since, as far as can be known`,
    );
  }
  if (now.start > start) throw new ChangedError('it broke off, and the server sent another part');
  return start - now.start;
}
