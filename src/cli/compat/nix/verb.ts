/** What a verb of `nix` is (`copy`, `store ls`): a value, from which its parsing and its help come. */
import type { ArgumentSpec, OptionSpecs, OptionValues, ParsedOption } from '../../command.ts';
import type { CommandContext } from '../../context.ts';

/** What the common flags say, and what the Nix of this machine would have to be told again. */
export interface NixCall {
  /** With their verbosity and settings. */
  readonly context: CommandContext;
  /** `--store`: the store that is meant where none is named. */
  readonly store: string | undefined;
  /** `--keep-going` */
  readonly keepGoing: boolean;
  /** Flags about evaluation (`--impure`, `--arg x 1`), as they were given. */
  readonly evaluation: readonly string[];
  /** Settings and flags about talk, as they were given. */
  readonly passedOn: readonly string[];
}

interface VerbText {
  /** Paragraphs, each one string. */
  readonly description: readonly string[];
  readonly arguments: readonly ArgumentSpec[];
  readonly examples: readonly { readonly meaning: string; readonly command: string }[];
  /** Other spellings of its flags: `-n` for `name` where that has another letter, `--type` for `algo`. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Whether it takes what must be evaluated, and the flags that go with that. */
  readonly evaluates?: boolean;
}

/** With its option values forgotten, as the table keeps it. */
export interface NixVerb extends VerbText {
  readonly options: OptionSpecs;
  /** @returns the exit status */
  readonly run: (
    call: NixCall,
    words: readonly string[],
    options: Readonly<Record<string, ParsedOption>>,
  ) => Promise<number>;
}

/** Ties the type of `run` to the options that are declared. */
export function defineVerb<const Specs extends OptionSpecs>(
  definition: VerbText & {
    readonly options: Specs;
    run(
      call: NixCall,
      words: readonly string[],
      options: OptionValues<Specs>,
    ): Promise<number | undefined>;
  },
): NixVerb {
  return {
    ...definition,
    // The parser gives just what the specs say.
    run: async (call, words, options) =>
      (await definition.run(call, words, options as OptionValues<Specs>)) ?? 0,
  };
}
