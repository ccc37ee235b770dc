/**
 * What a command is: a value that says its arguments, options and examples, and how to run it. Parsing, help, man pages
 * and completions all come from these values. They are loaded when they are needed: the table knows only names.
 */
import type { CommandContext } from './context.ts';

/** What a shell offers for a word. */
export type Completion = 'file' | 'directory' | 'store' | 'command';

export interface ArgumentSpec {
  /** In capitals, as help prints it. */
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** Takes all words that are left. */
  readonly repeated?: boolean;
  readonly completes?: Completion;
  readonly choices?: readonly string[];
}

export interface OptionSpec {
  readonly help: string;
  /** One letter. */
  readonly short?: string;
  /** What its value is, in capitals; two words where it takes two. Without it the option is a flag. */
  readonly value?: string;
  /** May be given several times: values are gathered, flags counted. */
  readonly repeated?: boolean;
  readonly choices?: readonly string[];
  readonly completes?: Completion;
  /** Taken, but left out of help: spellings of Nix that mean nothing here. */
  readonly hidden?: boolean;
}

/** By camel-case name: `dryRun` is `--dry-run`. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What `run` gets for its options. Two-word values are joined by "=". */
export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]: OptionValue<Specs[Name]>;
};

type OptionValue<Spec> = Spec extends { readonly value: string }
  ? Spec extends { readonly repeated: true }
    ? readonly string[]
    : string | undefined
  : Spec extends { readonly repeated: true }
    ? number
    : boolean;

export type ParsedOption = boolean | number | string | undefined | readonly string[];

interface Example {
  /** What it does, in a few words. */
  readonly meaning: string;
  readonly command: string;
}

interface CommandText {
  /** What it does and what to know about it: paragraphs, each one string. */
  readonly description: readonly string[];
  readonly arguments: readonly ArgumentSpec[];
  readonly examples: readonly Example[];
}

/** A command with its option values forgotten, as the table keeps it. */
export interface Command extends CommandText {
  readonly options: OptionSpecs;
  /** It parses its words by itself, as the program it stands in for does. */
  readonly isDropIn: boolean;
  /** Its exit status, where that isn't 0. */
  readonly run: (
    context: CommandContext,
    words: readonly string[],
    options: Readonly<Record<string, ParsedOption>>,
  ) => Promise<number | undefined>;
}

export interface CommandDefinition<Specs extends OptionSpecs> extends CommandText {
  readonly options: Specs;
  run(
    context: CommandContext,
    words: readonly string[],
    options: OptionValues<Specs>,
  ): Promise<number | undefined>;
}

/** Ties the type of `run` to the options that are declared. */
export function defineCommand<const Specs extends OptionSpecs>(
  definition: CommandDefinition<Specs>,
): Command {
  return {
    ...definition,
    isDropIn: false,
    // The parser gives just what the specs say.
    run: (context, words, options) =>
      definition.run(context, words, options as OptionValues<Specs>),
  };
}

/** A command whose words are its own: `options` serves help and completions only. */
export function defineDropIn(
  definition: CommandText & {
    readonly options: OptionSpecs;
    run(context: CommandContext, words: readonly string[]): Promise<number | undefined>;
  },
): Command {
  return { ...definition, isDropIn: true, run: (context, words) => definition.run(context, words) };
}

/** `--dry-run` for `dryRun`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
