/** What is tried again, how often, and after which pause. */
import { isFerryError } from '../../error.ts';
import {
  ConnectError,
  isSilence,
  mayPass,
  reasonOf,
  StaleConnectionError,
  TooLongToShareError,
} from './connect-error.ts';
import { formatSeconds } from './connector.ts';
import type { HttpRetries } from './http-types.ts';
import type { Server } from './server.ts';

/** Somebody who came so far has not been waiting in vain: his attempts count anew. */
const PROGRESS_BYTES = 256 * 1024;

/** Connections that were closed while a request was on its way are normal; so many in a row are not. */
const STALE_MAX = 3;

/** The server answered, and with a refusal that may pass. */
export class RefusedForNowError extends Error {
  override readonly name = 'RefusedForNowError';
  readonly status: number;
  readonly retryAfterMs: number;

  constructor(status: number, statusName: string, retryAfterMs: number) {
    super(`the server answered ${statusName}`);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export function isRefusalForNow(status: number): boolean {
  if (status === 408 || status === 429) return true;
  return status >= 500 && ![501, 505, 507, 511].includes(status);
}

/** The milliseconds that `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3). */
export function parseRetryAfter(text: string | undefined, now: number): number {
  if (text === undefined) return 0;
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text) * 1000;
  const date = /^[A-Za-z]{3}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

/** How one request fared: where it was sent last, and since when. */
export interface Trip {
  server: Server | undefined;
  startedAt: number;
}

export interface RetryContext {
  readonly retries: HttpRetries;
  /** For messages: `fetch "https://…"`. */
  readonly doing: string;
  readonly onDiagnostic: ((line: string) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The attempts at one request, its body included. */
export class Attempts {
  readonly #context: RetryContext;
  #failed = 0;
  #stale = 0;
  #progressBytes = 0;
  #since: number = performance.now();

  constructor(context: RetryContext) {
    this.#context = context;
  }

  progressed(byteCount: number): void {
    this.#progressBytes += byteCount;
    if (this.#progressBytes < PROGRESS_BYTES) return;
    this.#progressBytes = 0;
    this.#failed = 0;
    this.#stale = 0;
    this.#since = performance.now();
  }

  /** To be awaited before the next attempt. @throws the error, where there is to be none, or the signal's reason. */
  async failed(error: unknown, { server, startedAt }: Trip): Promise<void> {
    const { retries, doing, onDiagnostic, signal } = this.#context;
    signal?.throwIfAborted();
    if (error instanceof TooLongToShareError) return;
    if (error instanceof StaleConnectionError && this.#stale < STALE_MAX) {
      this.#stale += 1;
      return;
    }
    this.#failed += 1;
    const { attempts = 5 } = retries;
    const isRefusal = error instanceof RefusedForNowError;
    const isVain =
      (!isRefusal && !mayPass(error)) ||
      (isSilence(error) && server?.wasHeardSince(startedAt) !== true);
    if (isVain || this.#failed >= attempts) {
      if (meansDeath(error) && server?.wasHeardSince(this.#since) !== true) {
        const hint = error instanceof ConnectError ? error.hint : undefined;
        server?.die({ reason: reasonOf(error), hint });
      }
      throw error;
    }
    const delayMs = this.#delayMs(error);
    onDiagnostic?.(
      `warning: cannot ${doing}: ${reasonOf(error)}; attempt ${this.#failed + 1} of ${attempts} in ${formatSeconds(delayMs)}`,
    );
    await server?.pause(delayMs, signal);
  }

  #delayMs(error: unknown): number {
    const { delayMs = 250, rateLimitedDelayMs = 1000, delayMsMax = 60_000 } = this.#context.retries;
    const refusal = error instanceof RefusedForNowError ? error : undefined;
    const isRateLimit = refusal?.status === 429 || refusal?.status === 503;
    const first = isRateLimit ? rateLimitedDelayMs : delayMs;
    const grown = first * 2 ** (this.#failed - 1 + Math.random() / 2);
    return Math.min(Math.max(grown, refusal?.retryAfterMs ?? 0), delayMsMax);
  }
}

/** Whether it tells of the whole server and not of this one request. */
function meansDeath(error: unknown): boolean {
  if (isFerryError(error)) return false;
  if (error instanceof RefusedForNowError) return [502, 503, 504].includes(error.status);
  return error instanceof ConnectError || isSilence(error) || mayPass(error);
}
