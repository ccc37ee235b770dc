/**
 * The words of `nix`, taken as Nix takes them: flags anywhere, each with its values in the words that follow, letters
 * in bundles (`-rsS`), and the complaints of the original.
 */
import { flagOf, type ArgumentSpec, type OptionSpecs, type ParsedOption } from '../../command.ts';
import { nixUsage } from '../nix-words.ts';
import { takeFlag, wordsAfter, type CommonFlags } from './common-flags.ts';
import type { NixVerb } from './verb.ts';

export const PROGRAM = 'nix';

export interface VerbWords {
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, ParsedOption>>;
}

/**
 * The first word that is neither a flag nor a value of one, and the words without it.
 * Flags before it must be common ones: what comes after belongs to whatever it turns out to be.
 * @throws FerryError `usage` for a flag that isn't known
 */
export function takeVerb(words: readonly string[]): {
  verb: string | undefined;
  rest: readonly string[];
} {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!isFlag(word)) return { verb: word, rest: words.toSpliced(at, 1) };
    const count = splitLetters(word).map((flag) => wordsAfter(flag, true));
    if (count.includes(undefined)) throw unrecognised(word);
    at += count.reduce<number>((sum, words) => sum + (words ?? 0), 0);
  }
  return { verb: undefined, rest: words };
}

/**
 * @param flags is added to.
 * @throws FerryError `usage`
 */
export function parseVerbWords(
  verb: NixVerb,
  input: readonly string[],
  flags: CommonFlags,
): VerbWords {
  const given = new Map<string, string[]>();
  const words: string[] = [];
  const queue = [...input];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const [flag = '', ...letters] = splitLetters(word);
    queue.unshift(...letters);
    const following = (count: number): string[] => {
      if (queue.length < count) throw lacks(flag, count, queue.length);
      return queue.splice(0, count);
    };
    if (flag === '--') {
      words.push(...queue.splice(0));
    } else if (!isFlag(flag)) {
      words.push(flag);
    } else {
      const name = optionOf(verb, flag);
      const count = wordsAfter(flag, verb.evaluates === true);
      if (name !== undefined) {
        const values = following(verb.options[name]?.value?.split(' ').length ?? 0);
        given.set(name, [...(given.get(name) ?? []), values.join('=')]);
      } else if (count !== undefined) {
        takeFlag(flags, flag, following(count));
      } else {
        throw unrecognised(flag);
      }
    }
  }
  return { words, options: valuesOf(verb.options, given) };
}

/** @throws FerryError `usage` where there are too many words for the arguments, or too few */
export function checkWords(specs: readonly ArgumentSpec[], words: readonly string[]): void {
  const required = specs.filter((spec) => spec.optional !== true).length;
  if (words.length < required) throw nixUsage(PROGRAM, 'more arguments are required');
  const extra = words[specs.length];
  if (extra !== undefined && !specs.some((spec) => spec.repeated === true)) {
    throw nixUsage(PROGRAM, `unexpected argument '${extra}'`);
  }
}

function isFlag(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

function optionOf(verb: NixVerb, flag: string): string | undefined {
  const alias = verb.aliases?.[flag];
  if (alias !== undefined) return alias;
  return Object.keys(verb.options).find(
    (name) => flagOf(name) === flag || `-${verb.options[name]?.short ?? '-'}` === flag,
  );
}

/** `-rsS` is `-r -s -S`, and `-j8` is `-j 8`. */
function splitLetters(word: string): string[] {
  if (!/^-[A-Za-z]/.test(word)) return [word];
  const letters = /^[A-Za-z]+/.exec(word.slice(1))?.[0] ?? '';
  const rest = word.slice(1 + letters.length);
  return [...letters.split('').map((letter) => `-${letter}`), ...(rest === '' ? [] : [rest])];
}

function valuesOf(
  specs: OptionSpecs,
  given: ReadonlyMap<string, readonly string[]>,
): Record<string, ParsedOption> {
  const options: Record<string, ParsedOption> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const values = given.get(name) ?? [];
    if (spec.value === undefined) {
      options[name] = spec.repeated === true ? values.length : values.length > 0;
    } else {
      // Of what can be said once the last word counts, as in Nix.
      options[name] = spec.repeated === true ? values : values.at(-1);
    }
  }
  return options;
}

function unrecognised(flag: string): Error {
  return nixUsage(PROGRAM, `unrecognised flag '${flag}'`);
}

function lacks(flag: string, count: number, given: number): Error {
  return nixUsage(
    PROGRAM,
    `flag '${flag}' requires ${count} argument(s), but only ${given} were given`,
  );
}
