/** What a look at something found. */
import { styleText } from 'node:util';
import { isFerryError, messageOf } from '../../error.ts';
import { printable } from '../errors.ts';
import { wrap } from '../help.ts';

export interface Check {
  /** What was looked at: `ssh`, `default store`. */
  readonly name: string;
  /** A note is worth knowing; a problem keeps ferry from working. */
  readonly status: 'ok' | 'note' | 'problem';
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string | undefined;
}

/** The check of something that threw. */
export function failedCheck(name: string, error: unknown): Check {
  const advice = isFerryError(error) ? error.hint : undefined;
  return { name, status: 'problem', detail: printable(messageOf(error)), advice };
}

const MARKS = { ok: 'ok', note: 'note', problem: 'PROBLEM' } as const;
const COLOURS = { ok: 'green', note: 'yellow', problem: 'red' } as const;
const NAME_WIDTH = 18;
const MARK_WIDTH = 8;
const TEXT_WIDTH = 72;

export function formatChecks(checks: readonly Check[], hasColours: boolean): string {
  const lines = checks.flatMap((check) => {
    const { name, status, detail, advice } = check;
    const mark = MARKS[status].padEnd(MARK_WIDTH);
    const shown = hasColours ? styleText(COLOURS[status], mark, { validateStream: false }) : mark;
    const indent = ' '.repeat(NAME_WIDTH + MARK_WIDTH);
    const [first = '', ...rest] = detail.split('\n').flatMap((line) => wrap(line, TEXT_WIDTH));
    const advised = advice === undefined ? [] : wrap(`→ ${advice}`, TEXT_WIDTH);
    return [
      `${name.padEnd(NAME_WIDTH)}${shown}${first}`,
      ...[...rest, ...advised].map((line) => indent + line),
    ];
  });
  return `${lines.join('\n')}\n`;
}
