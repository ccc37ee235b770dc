/** A limit on waiting for a machine that doesn't run while a person is asked something. */

export class TimeLimit {
  readonly #onLate: () => void;
  #leftMs: number;
  #startedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #pauses = 0;
  #isLate = false;
  #isOver = false;

  /** Runs from now on. */
  constructor(limitMs: number, onLate: () => void) {
    this.#leftMs = limitMs;
    this.#onLate = onLate;
    this.#run();
  }

  /** Whether it was exceeded. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Waits for a person meanwhile. */
  async pausedFor<T>(promise: Promise<T>): Promise<T> {
    if (this.#pauses++ === 0) {
      clearTimeout(this.#timer);
      this.#leftMs -= performance.now() - this.#startedAt;
    }
    try {
      return await promise;
    } finally {
      if (--this.#pauses === 0) this.#run();
    }
  }

  /** It isn't needed any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  #run(): void {
    if (this.#isOver) return;
    this.#startedAt = performance.now();
    this.#timer = setTimeout(
      () => {
        this.#isLate = true;
        this.#onLate();
      },
      Math.max(1, this.#leftMs),
    );
  }
}
