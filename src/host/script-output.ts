/**
 * What a script prints, up to the mark that our shell sets behind it: so its end is known, and none of it is missing,
 * whatever else still holds the same pipes open.
 */
import { plainText } from '../wire/transport.ts';

/** Characters of stdout that are kept. */
const stdoutMax = 1 << 20;
/** Characters of stderr, and lines of them. */
const stderrMax = 16 << 10;
const linesMax = 40;
/** Of one line that is told. */
const lineMax = 64 << 10;

export class ScriptStdout {
  readonly #mark: string;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #decoder = new TextDecoder();
  /** What may be the beginning of the mark. */
  #held = '';
  #kept = '';
  #line = '';
  #isWhole = false;

  /** @param mark on a line of its own, or at the end of the last line of the script */
  constructor(mark: string, onLine?: (line: string) => void) {
    this.#mark = `${mark}\n`;
    this.#onLine = onLine;
  }

  /** At most a megabyte of it. */
  get text(): string {
    return this.#kept;
  }

  /** Whether the mark was seen. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  take(chunk: Uint8Array): void {
    if (this.#isWhole) return;
    const text = this.#held + this.#decoder.decode(chunk, { stream: true });
    const at = text.indexOf(this.#mark);
    if (at >= 0) {
      this.#isWhole = true;
      this.#tell(text.slice(0, at));
      this.#tellRest();
      return;
    }
    const heldLength = beginningOf(this.#mark, text);
    this.#held = text.slice(text.length - heldLength);
    this.#tell(text.slice(0, text.length - heldLength));
  }

  /** There is no more, and no mark. */
  end(): void {
    if (this.#isWhole) return;
    this.#tell(this.#held + this.#decoder.decode());
    this.#tellRest();
  }

  #tell(text: string): void {
    if (this.#kept.length < stdoutMax) this.#kept += text.slice(0, stdoutMax - this.#kept.length);
    if (this.#onLine === undefined) return;
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop() ?? '';
    for (const whole of lines) this.#onLine(whole);
    if (this.#line.length > lineMax) this.#tellRest();
  }

  #tellRest(): void {
    if (this.#line !== '') this.#onLine?.(this.#line);
    this.#line = '';
  }
}

/** How much at the end of the text may be the beginning of the mark. */
function beginningOf(mark: string, text: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}

export class ScriptStderr {
  readonly #mark: string;
  readonly #ended = Promise.withResolvers<void>();
  #text = '';
  #status: number | undefined;

  /** @param mark before the status of the script, on one line */
  constructor(mark: string) {
    this.#mark = mark;
  }

  /** Of the script; undefined while it isn't known. */
  get status(): number | undefined {
    return this.#status;
  }

  /** Resolves when it is known; never where it doesn't come to that. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  take(more: string): void {
    if (this.#status !== undefined) return;
    this.#text = (this.#text + more).slice(-stderrMax);
    const at = this.#text.indexOf(this.#mark);
    const end = at < 0 ? -1 : this.#text.indexOf('\n', at);
    if (end < 0) return;
    const status = this.#text.slice(at + this.#mark.length, end).trim();
    this.#text = this.#text.slice(0, at);
    this.#status = /^\d{1,3}$/.test(status) ? Number(status) : 255;
    this.#ended.resolve();
  }

  /** Fit for a terminal. */
  lastLines(): string {
    return plainText(this.#text).trim().split('\n').slice(-linesMax).join('\n');
  }
}
