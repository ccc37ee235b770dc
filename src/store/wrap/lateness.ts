/** Whether somebody who was asked has been silent for so long that others need not wait for the answer. */

export class Lateness implements Disposable {
  readonly #afterMs: number;
  readonly #listeners = new Set<() => void>();
  #openQuestions = 0;
  #timer: NodeJS.Timeout | undefined;
  #isLate = false;
  #isDisposed = false;

  /** @param afterMs milliseconds from a question, or from the last answer, while one is open. */
  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  get isLate(): boolean {
    return this.#isLate;
  }

  asked(): void {
    this.#openQuestions++;
    if (!this.#isLate) this.#start();
  }

  answered(): void {
    this.#openQuestions--;
    this.#isLate = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#openQuestions > 0) this.#start();
  }

  /** Calls back whenever it has become late. @returns what ends that. */
  onLate(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listeners.clear();
  }

  #start(): void {
    if (!this.#isDisposed) this.#timer ??= setTimeout(() => this.#becomeLate(), this.#afterMs);
  }

  #becomeLate(): void {
    this.#timer = undefined;
    this.#isLate = true;
    for (const listener of this.#listeners) listener();
  }
}
