/** A limit to how fast bytes are taken, for all who share it. */
import { pause } from '../pause.ts';

/** After a pause nobody may make up for more than this much lost time. */
const BURST_MS = 200;

export class RateLimit {
  readonly #bytesPerSecond: number;
  #freeAt = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** To be awaited for bytes that came. @throws the signal's reason */
  async take(byteCount: number, signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    this.#freeAt =
      Math.max(this.#freeAt, now - BURST_MS) + (byteCount * 1000) / this.#bytesPerSecond;
    if (this.#freeAt > now) await pause(this.#freeAt - now, signal);
  }
}
