/** Text written in order, from handlers that can't wait for the stream. */
import type { Output } from '../context.ts';

export class OrderedOutput {
  readonly #output: Output;
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Whether something isn't taken yet: what only brings a picture up to date can wait. */
  get isBehind(): boolean {
    return this.#waiting > 0;
  }

  /** Columns of what it is written to. */
  width(): number {
    return this.#output.width();
  }

  write(text: string): void {
    this.#waiting++;
    this.#queue = this.#queue
      .then(() => this.#output.write(text))
      .finally(() => {
        this.#waiting--;
      });
    // Told by `settled`; until then a rejection must not count as unhandled.
    this.#queue.catch(() => {});
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** Resolves when all is written; rejects where nobody takes it any more. */
  settled(): Promise<void> {
    return this.#queue;
  }
}
