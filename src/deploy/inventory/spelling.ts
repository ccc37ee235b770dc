/** How fields are called where they are written: `confirmTimeout` in TypeScript, `confirm-timeout` in TOML. */
import { FerryError } from '../../error.ts';
import { nearest } from '../../config/nearest.ts';

export type Spell = (field: string) => string;

export const asWritten: Spell = (field) => field;

export const kebabCase: Spell = (field) =>
  field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const snakeCase: Spell = (field) =>
  field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** As options of the command line. */
export const asOption: Spell = (field) => `--${kebabCase(field)}`;

/** One step from a table to what is in it. */
export type PathStep = string | number;

/** `hosts."web.1".pins[0].link` */
export function formatPath(steps: readonly PathStep[]): string {
  let text = '';
  for (const step of steps) {
    if (typeof step === 'number') text += `[${step}]`;
    else {
      const shown = /^[\w-]+$/.test(step) ? step : JSON.stringify(step);
      text += text === '' ? shown : `.${shown}`;
    }
  }
  return text;
}

/** One thing that is wrong with what somebody wrote. */
export interface Mistake {
  readonly at: readonly PathStep[];
  /** Goes on after the path: `must be a string`. */
  readonly what: string;
}

const SHOWN_MAX = 8;

/** All mistakes at once, so that they can be put right at once. @param what `fleet of "ferry.toml"` */
export function mistakesError(what: string, mistakes: readonly Mistake[]): FerryError {
  const lines = mistakes.map(
    ({ at, what }) => `${at.length === 0 ? 'it' : formatPath(at)} ${what}`,
  );
  const [first = 'it is wrong'] = lines;
  if (lines.length <= 1) return new FerryError('usage', `cannot use the ${what}: ${first}`);
  const shown = lines.slice(0, SHOWN_MAX);
  if (lines.length > SHOWN_MAX) shown.push(`and ${lines.length - SHOWN_MAX} more`);
  return new FerryError(
    'usage',
    `cannot use the ${what}: ${lines.length} mistakes\n${shown.join('\n')}`,
  );
}

/** Of a field that nobody knows. */
export function unknownField(field: string, known: readonly string[]): string {
  const guess = nearest(field, known);
  const shown = JSON.stringify(field.length > 80 ? `${field.slice(0, 80)}…` : field);
  return guess === undefined
    ? `has a field ${shown}, which is none of ${known.join(', ')}`
    : `has a field ${shown}, which it can't have: did you mean "${guess}"?`;
}
