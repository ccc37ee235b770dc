/**
 * The words of Nix's older programs: flags anywhere, every setting also as an option, messages and exit status as the
 * originals have them.
 */
import { setOverride } from '../../config/overrides.ts';
import { FerryError, messageOf } from '../../error.ts';
import type { CommandContext } from '../context.ts';
import { describeError, exitStatusOf } from '../errors.ts';
import { version } from '../version.ts';
import { settingFlagOf } from './nix/setting-flag.ts';

/** Common flags that change nothing here, with the number of words that follow them. */
const IGNORED: Readonly<Record<string, number>> = {
  '--debug': 0,
  '--fallback': 0,
  '--keep-failed': 0,
  '-K': 0,
  '--no-build-output': 0,
  '-Q': 0,
  '--print-build-logs': 0,
  '-L': 0,
  '--readonly-mode': 0,
  '--log-format': 1,
  '--max-jobs': 1,
  '-j': 1,
  '--max-silent-time': 1,
  '--timeout': 1,
  '-I': 1,
};

interface NixCommon {
  verbosity: number;
  /** `--store` */
  store: string | undefined;
  keepGoing: boolean;
  readonly overrides: Map<string, string>;
}

export interface NixWords extends NixCommon {
  /** What is asked for instead of any work. */
  readonly asks: 'help' | 'version' | undefined;
}

/**
 * Takes the common flags; all other words go to `take`, which may ask for those that follow it and says whether it knew
 * the word. Flags that change nothing here are told to `onIgnored`, with their values.
 * @throws FerryError `usage`
 */
export function parseNixWords(
  program: string,
  input: readonly string[],
  take: (word: string, next: () => string) => boolean,
  onIgnored: (words: readonly string[]) => void = () => {},
): NixWords {
  const common: NixCommon = {
    verbosity: 0,
    store: undefined,
    keepGoing: false,
    overrides: new Map(),
  };
  const queue = splitLetters(input);
  /** Behind `--` no flag is a common one; the program itself still takes its own, as in Nix. */
  let hasEnded = false;
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const flag = word;
    const following = (count: number): string[] => {
      if (queue.length < count) throw lacks(program, flag, count);
      return queue.splice(0, count);
    };
    if (flag === '--' && !hasEnded) {
      hasEnded = true;
      continue;
    }
    if (flag === '--help' || flag === '--version') {
      return { ...common, asks: flag === '--help' ? 'help' : 'version' };
    }
    if (!hasEnded && takeCommon(common, flag, following, onIgnored)) continue;
    const next = (): string => {
      const value = queue.shift();
      if (value === undefined) throw nixUsage(program, `'${flag}' requires an argument`);
      return value;
    };
    if (!take(flag, next)) {
      throw nixUsage(program, `unrecognised flag '${flag}'`);
    }
  }
  return { ...common, asks: undefined };
}

function takeCommon(
  common: NixCommon,
  flag: string,
  following: (count: number) => string[],
  onIgnored: (words: readonly string[]) => void,
): boolean {
  const name = flag.startsWith('--') ? flag.slice(2) : '';
  const ignored = IGNORED[flag];
  const setting = settingFlagOf(name);
  if (flag === '-v' || flag === '--verbose') common.verbosity++;
  else if (flag === '--quiet') common.verbosity--;
  else if (flag === '--keep-going' || flag === '-k') common.keepGoing = true;
  else if (flag === '--store') common.store = following(1).join();
  else if (flag === '--option') setPair(common, following(2));
  else if (ignored !== undefined) onIgnored([flag, ...following(ignored)]);
  else if (setting?.value !== undefined) setPair(common, [setting.name, setting.value]);
  else if (setting !== undefined) setPair(common, [setting.name, ...following(1)]);
  else return false;
  return true;
}

function setPair(common: NixCommon, [name = '', value = '']: readonly string[]): void {
  setOverride(common.overrides, name, value);
}

/** `-vs` is `-v -s`, as Nix takes it. */
function splitLetters(input: readonly string[]): string[] {
  return input.flatMap((word) =>
    /^-[A-Za-z]{2,}$/.test(word)
      ? word
          .slice(1)
          .split('')
          .map((letter) => `-${letter}`)
      : [word],
  );
}

/** An error that is told as Nix's programs tell wrong usage: with exit status 1. */
export function nixUsage(program: string, message: string): FerryError {
  return new FerryError('usage', message, {
    hint: `Try '${program} --help' for more information.`,
  });
}

function lacks(program: string, flag: string, count: number): FerryError {
  return nixUsage(program, `flag '${flag}' requires ${count} argument(s)`);
}

/** `nix-store (Nix) 2.34.8` with ourselves in the place of Nix. */
export function versionLine(program: string): string {
  return `${program} (ferry) ${version}\n`;
}

/**
 * Runs a drop-in: every failure is exit status 1, as in Nix. Signals and a closed pipe go their own way.
 */
export async function withNixStatus(
  context: CommandContext,
  run: () => Promise<number>,
): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (context.signal.aborted || exitStatusOf(error) > 128) throw error;
    const lines =
      error instanceof FerryError && error.hint?.startsWith("Try '") === true
        ? [`error: ${messageOf(error)}`, error.hint]
        : describeError(error, { verbosity: context.verbosity, mark: (text) => text });
    await context.stderr.write(`${lines.join('\n')}\n`);
    return 1;
  }
}
