/** What an operation of `nix-store` is (`--query`, `--gc`): a value, from which its running and its help come. */
import type { CommandContext } from '../../context.ts';
import { nixUsage } from '../nix-words.ts';

export const PROGRAM = 'nix-store';

/** What the words beside the operation's own say. */
export interface NixStoreCall {
  /** With their verbosity and settings. */
  readonly context: CommandContext;
  /** `--store`: this machine's own where it isn't given. */
  readonly store: string | undefined;
  /** `--keep-going` */
  readonly keepGoing: boolean;
  /** `--add-root`, as it was given. */
  readonly addRoot: string | undefined;
  /** `--no-output`: results go nowhere. */
  readonly noOutput: boolean;
  /** Whether it is told that nothing keeps a result; not with `--no-gc-warning`. */
  readonly gcWarning: boolean;
}

export interface NixStoreOperation {
  /**
   * @param words those that are no flags, those of stdin (`--stdin`) among them
   * @param flags all that aren't common ones, in their order: the operation says which it knows
   * @returns the exit status
   */
  readonly run: (
    call: NixStoreCall,
    words: readonly string[],
    flags: readonly string[],
  ) => Promise<number>;
}

/** @throws FerryError `usage` for a flag that isn't among `known`, as Nix words it */
export function requireKnownFlags(flags: readonly string[], ...known: readonly string[]): void {
  const unknown = flags.find((flag) => !known.includes(flag));
  if (unknown !== undefined) throw nixUsage(PROGRAM, `unknown flag '${unknown}'`);
}

/** @throws FerryError `usage` where there are words though the operation takes none */
export function requireNoWords(words: readonly string[]): void {
  if (words.length > 0) throw nixUsage(PROGRAM, 'no arguments expected');
}

/** Prints results, one on a line, unless `--no-output` was given. */
export async function printLines(call: NixStoreCall, lines: readonly string[]): Promise<void> {
  if (call.noOutput || lines.length === 0) return;
  await call.context.stdout.write(`${lines.join('\n')}\n`);
}
