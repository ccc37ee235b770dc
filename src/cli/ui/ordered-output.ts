/** Text written in order, from handlers that can't wait for the stream. */
import type { Output } from '../context.ts';

export class OrderedOutput {
  readonly #output: Output;
  #queue: Promise<void> = Promise.resolve();

  constructor(output: Output) {
    this.#output = output;
  }

  write(text: string): void {
    this.#queue = this.#queue.then(() => this.#output.write(text));
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
