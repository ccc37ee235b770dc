/**
 * A few lines at the end of the terminal that change in place. What is printed meanwhile goes above them. The cursor is
 * hidden while they stand, and is back when they are gone.
 */
import type { OrderedOutput } from './ordered-output.ts';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_TO_END = '\u001b[J';
const CLEAR_LINE_END = '\u001b[K';

export class LiveLines {
  readonly #output: OrderedOutput;
  #standing = 0;

  constructor(output: OrderedOutput) {
    this.#output = output;
  }

  /** Replaces the lines; none may be wider than the terminal, or the count of them would be wrong. */
  draw(lines: readonly string[]): void {
    const body = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('');
    this.#output.write(`${HIDE_CURSOR}${this.#upwards()}${body}${CLEAR_TO_END}`);
    this.#standing = lines.length;
  }

  /** A line that stays; those that change are back with the next `draw`. */
  print(line: string): void {
    this.clear();
    this.#output.line(line);
  }

  /** Takes the lines away. */
  clear(): void {
    if (this.#standing === 0) return;
    this.#output.write(`${this.#upwards()}${CLEAR_TO_END}${SHOW_CURSOR}`);
    this.#standing = 0;
  }

  #upwards(): string {
    return this.#standing === 0 ? '' : `\u001b[${this.#standing}F`;
  }
}
