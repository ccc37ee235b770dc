/**
 * How fast it goes: bytes over the last few seconds. It says nothing until it has seen enough to know, and when nothing
 * arrives the rate falls to zero within the window, so that no stale figure stands there.
 */

/** Seconds that count. */
const WINDOW_MS = 8000;
/** Less than this is no basis for a figure. */
const KNOWN_AFTER_MS = 1500;
/** Samples are kept this far apart, so that their number is bounded. */
const SAMPLE_MS = 100;

export class RateMeter {
  readonly #samples: { readonly at: number; bytes: number }[] = [];
  readonly #startedAt: number;

  /** Times are milliseconds of any one clock. */
  constructor(now: number) {
    this.#startedAt = now;
  }

  add(bytes: number, now: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && now - last.at < SAMPLE_MS) last.bytes += bytes;
    else this.#samples.push({ at: now, bytes });
    this.#forget(now);
  }

  /** Bytes per second, or undefined as long as it is too early to tell. */
  rate(now: number): number | undefined {
    this.#forget(now);
    const seenMs = Math.min(now - this.#startedAt, WINDOW_MS);
    if (seenMs < KNOWN_AFTER_MS) return undefined;
    const bytes = this.#samples.reduce((sum, sample) => sum + sample.bytes, 0);
    return (bytes / seenMs) * 1000;
  }

  #forget(now: number): void {
    while ((this.#samples[0]?.at ?? now) < now - WINDOW_MS) this.#samples.shift();
  }
}
