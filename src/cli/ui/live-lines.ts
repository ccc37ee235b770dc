/**
 * A few lines at the end of the terminal that change in place. What is printed meanwhile goes above them, in one write
 * with them, so that nothing flickers. The cursor is hidden while they stand, and is back when they are gone.
 */
import { stripVTControlCharacters } from 'node:util';
import { displayWidth } from './display-width.ts';
import type { OrderedOutput } from './ordered-output.ts';
import {
  isTerminalTaken,
  leaveTerminal,
  standOnTerminal,
  whenTerminalIsFree,
} from './terminal-turn.ts';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_TO_END = '\u001b[J';
const CLEAR_LINE_END = '\u001b[K';

export class LiveLines {
  readonly #output: OrderedOutput;
  #standing: readonly string[] = [];
  /** Columns of the terminal when they were drawn. */
  #width = 0;

  constructor(output: OrderedOutput) {
    this.#output = output;
  }

  /** Replaces the lines; none may be wider than the terminal, or the count of them would be wrong. */
  draw(lines: readonly string[]): void {
    if (lines.length === 0) {
      this.clear();
      return;
    }
    if (isTerminalTaken()) return;
    const isSame = lines.length === this.#standing.length && this.#width === this.#output.width();
    if (isSame && lines.every((line, n) => line === this.#standing[n])) return;
    // Whoever stopped the terminal sees the state of things when it goes on, not all that was between.
    if (this.#output.isBehind) return;
    this.#write('', lines);
  }

  /** A line that stays, above those that change. It may be wider than the terminal. */
  print(line: string): void {
    if (this.#standing.length > 0) this.#write(`${line}${CLEAR_LINE_END}\n`, this.#standing);
    else whenTerminalIsFree(() => this.#output.line(line));
  }

  /** Takes the lines away while somebody is asked something. */
  async makeRoom(): Promise<void> {
    this.clear();
    // Where nobody takes it any more, nobody sees the question either.
    await this.#output.settled().catch(() => {});
  }

  /** Takes the lines away. */
  clear(): void {
    if (this.#standing.length === 0) return;
    this.#output.write(`${this.#upwards()}${CLEAR_TO_END}${SHOW_CURSOR}`);
    this.#standing = [];
    leaveTerminal(this);
  }

  #write(above: string, lines: readonly string[]): void {
    const body = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('');
    this.#output.write(`${HIDE_CURSOR}${this.#upwards()}${above}${body}${CLEAR_TO_END}`);
    this.#standing = lines;
    standOnTerminal(this);
    this.#width = this.#output.width();
  }

  /** To the first of the lines. A terminal that became narrower has broken those that didn't fit any more into several. */
  #upwards(): string {
    if (this.#standing.length === 0) return '';
    const width = this.#output.width();
    // Some terminals don't say how wide they are.
    if (!(width > 0) || width >= this.#width) return `\u001b[${this.#standing.length}F`;
    const rows = this.#standing.reduce((sum, line) => {
      const own = displayWidth(stripVTControlCharacters(line));
      return sum + Math.max(Math.ceil(own / width), 1);
    }, 0);
    return `\u001b[${rows}F`;
  }
}
