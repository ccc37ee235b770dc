/**
 * Parses the words of a command by its options and arguments. Options may stand anywhere before `--`; `--name=value`,
 * `--name value`, `-n value`, `-nvalue` and bundles of letters are all taken.
 */
import { FerryError } from '../error.ts';
import {
  flagOf,
  type ArgumentSpec,
  type OptionSpec,
  type OptionSpecs,
  type ParsedOption,
} from './command.ts';
import { nearest } from '../config/nearest.ts';

export interface ParsedWords {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, ParsedOption>>;
}

/** @param title how messages name the command: `ferry copy`. @throws FerryError `usage` */
export function parseWords(
  title: string,
  specs: OptionSpecs,
  argumentSpecs: readonly ArgumentSpec[],
  input: readonly string[],
): ParsedWords {
  const given = new Map<string, string[]>();
  const words: string[] = [];
  const queue = [...input];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      words.push(...queue.splice(0));
    } else if (word.startsWith('--')) {
      takeLong(word);
    } else if (word.startsWith('-') && word !== '-') {
      takeLetters(word);
    } else {
      words.push(word);
    }
  }
  checkCount(title, argumentSpecs, words);
  return { words, options: valuesOf(title, specs, given) };

  function takeLong(word: string): void {
    const equals = word.indexOf('=');
    const flag = equals < 0 ? word : word.slice(0, equals);
    const name = Object.keys(specs).find((key) => flagOf(key) === flag);
    const spec = name === undefined ? undefined : specs[name];
    if (name === undefined || spec === undefined) throw unknownOption(title, specs, flag);
    const attached = equals < 0 ? undefined : word.slice(equals + 1);
    if (spec.value === undefined && attached !== undefined) {
      throw usage(title, `option "${flag}" takes no value`);
    }
    take(name, spec, flag, attached);
  }

  function takeLetters(word: string): void {
    for (let at = 1; at < word.length; at++) {
      const letter = word[at] ?? '';
      const name = Object.keys(specs).find((key) => specs[key]?.short === letter);
      const spec = name === undefined ? undefined : specs[name];
      if (name === undefined || spec === undefined) {
        throw unknownOption(title, specs, word.length > 2 && at === 1 ? word : `-${letter}`);
      }
      const rest = word.slice(at + 1);
      take(name, spec, `-${letter}`, spec.value === undefined || rest === '' ? undefined : rest);
      if (spec.value !== undefined) return;
    }
  }

  function take(name: string, spec: OptionSpec, flag: string, attached: string | undefined): void {
    const values = given.get(name) ?? [];
    if (values.length > 0 && spec.value !== undefined && spec.repeated !== true) {
      throw usage(title, `option "${flag}" was given twice`);
    }
    const parts = attached === undefined ? [] : [attached];
    for (const what of (spec.value?.split(' ') ?? []).slice(parts.length)) {
      const part = queue.shift();
      if (part === undefined) throw usage(title, `option "${flag}" lacks its ${what}`);
      parts.push(part);
    }
    given.set(name, [...values, parts.join('=')]);
  }
}

/** An error in how a command was called, with a pointer to its help. */
export function usage(title: string, message: string, suggestion?: string): FerryError {
  const help = `see ${title} --help`;
  return new FerryError('usage', message, {
    hint: suggestion === undefined ? help : `did you mean "${suggestion}"? ${help}`,
  });
}

function unknownOption(title: string, specs: OptionSpecs, flag: string): FerryError {
  const flags = Object.keys(specs)
    .filter((key) => specs[key]?.hidden !== true)
    .map(flagOf);
  // A single letter is near to everything.
  const guess = /^-.$/.test(flag) ? undefined : nearest(flag.replace(/^-+/, '--'), flags);
  return usage(title, `unknown option "${flag}"`, guess);
}

function checkCount(title: string, specs: readonly ArgumentSpec[], words: readonly string[]): void {
  const required = specs.filter((spec) => spec.optional !== true);
  const lacking = required[words.length];
  if (words.length < required.length && lacking !== undefined) {
    throw usage(title, `no ${lacking.name} was given`);
  }
  const isOpen = specs.some((spec) => spec.repeated === true);
  const extra = words[specs.length];
  if (!isOpen && extra !== undefined) throw usage(title, `unexpected argument "${extra}"`);
  specs.forEach((spec, i) => {
    const word = words[i];
    if (word !== undefined) checkChoice(title, spec.name, spec.choices, word);
  });
}

function valuesOf(
  title: string,
  specs: OptionSpecs,
  given: ReadonlyMap<string, readonly string[]>,
): Record<string, ParsedOption> {
  const options: Record<string, ParsedOption> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const values = given.get(name) ?? [];
    for (const value of values) checkChoice(title, flagOf(name), spec.choices, value);
    if (spec.value === undefined) {
      options[name] = spec.repeated === true ? values.length : values.length > 0;
    } else {
      options[name] = spec.repeated === true ? values : values[0];
    }
  }
  return options;
}

function checkChoice(
  title: string,
  what: string,
  choices: readonly string[] | undefined,
  value: string,
): void {
  if (choices === undefined || choices.includes(value)) return;
  throw usage(
    title,
    `${what} "${value}" is none of ${choices.join(', ')}`,
    nearest(value, choices),
  );
}
