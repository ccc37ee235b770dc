/** From the words of the command line to an exit status: finds the command, parses, runs, tells what went wrong. */
import { styleText } from 'node:util';
import type { Environment } from '../config/environment.ts';
import { setOverride } from '../config/overrides.ts';
import { commonOptions } from './common-options.ts';
import { BrokenPipe, type CommandContext, type Output } from './context.ts';
import { describeError, exitStatusOf } from './errors.ts';
import { nearest } from '../config/nearest.ts';
import { parseWords, usage } from './parse-words.ts';
import type { CommandEntry } from './command-entry.ts';
import { commandsIn, findCommand, siblingsAfter } from './table.ts';
import { version } from './version.ts';

/** What the process gives. */
export interface Surroundings {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Environment;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/** Never throws: whatever happens is told on stderr and in the exit status. */
export async function runFerry(
  words: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  try {
    return await dispatch(words, surroundings);
  } catch (error) {
    // Where someone asked us to stop, that is the reason, whatever broke on the way out.
    const { aborted, reason } = surroundings.signal;
    const told: unknown = aborted && !(error instanceof BrokenPipe) ? reason : error;
    await tell(told, surroundings, verbosityOf(words));
    return exitStatusOf(told);
  }
}

/** How a text for help looks on this output. */
function helpStyleFor(output: Output): {
  width: number;
  heading: (text: string) => string;
} {
  return {
    width: output.isTerminal ? output.width() : 80,
    heading: (text) => (output.hasColours ? style('bold', text) : text),
  };
}

async function dispatch(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const [first, ...others] = words;
  if (first === '--version' || first === '-V') {
    await surroundings.stdout.write(`ferry ${version}\n`);
    return 0;
  }
  if (first === undefined) return await showHelp([], surroundings, surroundings.stderr, 2);
  if (first === '--help' || first === '-h' || first === 'help') {
    return await showHelp(others, surroundings);
  }
  const { title, entry, rest } = findCommand(words);
  if (entry === undefined) throw unknownCommand(title, rest[0] ?? '');
  if ('commands' in entry) return await showGroup(title, rest, surroundings);
  return await runCommand(title, entry, rest, surroundings);
}

async function runCommand(
  title: string,
  entry: CommandEntry,
  rest: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const command = await entry.load();
  const plain = { ...surroundings, verbosity: 0, overrides: new Map<string, string>() };
  if (command.isDropIn) return (await command.run(plain, rest, {})) ?? 0;
  if (asksForHelp(rest)) return await showHelp(title.split(' ').slice(1), surroundings);
  const specs = { ...command.options, ...commonOptions };
  const { words, options } = parseWords(title, specs, command.arguments, rest);
  const context: CommandContext = {
    ...plain,
    verbosity: options['quiet'] === true ? -1 : Number(options['verbose']),
    overrides: overridesOf(options['option']),
  };
  return (await command.run(context, words, options)) ?? 0;
}

async function showGroup(
  title: string,
  rest: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const asked = title.split(' ').slice(1);
  if (rest.length === 0) return await showHelp(asked, surroundings, surroundings.stderr, 2);
  if (asksForHelp(rest)) return await showHelp(asked, surroundings);
  throw usage(title, `"${rest[0]}" is not a command of "${title}"`);
}

async function showHelp(
  names: readonly string[],
  surroundings: Surroundings,
  output: Output = surroundings.stdout,
  status = 0,
): Promise<number> {
  const { commandHelp, groupHelp, innerHelp, mainHelp } = await import('./help.ts');
  const helpStyle = helpStyleFor(output);
  const { title, entry, rest } = findCommand(names.filter((name) => !name.startsWith('-')));
  if (entry === undefined && rest[0] !== undefined) throw unknownCommand(title, rest[0]);
  if (entry === undefined) {
    await output.write(mainHelp(helpStyle));
  } else if ('commands' in entry) {
    await output.write(groupHelp(title, entry.summary, entry.commands, helpStyle));
  } else {
    const text = commandHelp(title, entry.summary, await entry.load(), helpStyle);
    await output.write(text + innerHelp(title, commandsIn(title), helpStyle));
  }
  return status;
}

function unknownCommand(title: string, word: string): Error {
  if (word.startsWith('-')) {
    const guess = nearest(word, ['--help', '--version']);
    return usage(title, `option "${word}" before the command: options come after it`, guess);
  }
  const guess = nearest(
    word,
    siblingsAfter(title).map(({ name }) => name),
  );
  return usage(
    title,
    `unknown command "${word}"`,
    guess === undefined ? guess : `${title} ${guess}`,
  );
}

async function tell(error: unknown, { stderr }: Surroundings, verbosity: number): Promise<void> {
  const mark = (text: string): string =>
    !stderr.hasColours ? text : style(text.startsWith('hint') ? 'hint' : 'error', text);
  const lines = describeError(error, { verbosity, mark });
  if (lines.length === 0) return;
  try {
    await stderr.write(`${lines.join('\n')}\n`);
  } catch {
    // Nobody is left to read it.
  }
}

function style(what: 'bold' | 'hint' | 'error', text: string): string {
  const formats = { bold: 'bold', hint: 'cyan', error: ['red', 'bold'] } as const;
  // The caller has decided about colours already; left alone, it would look at the process.
  return styleText([formats[what]].flat(), text, { validateStream: false });
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end < 0 ? words : words.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

/** Known before anything is parsed, since parsing may be what fails. */
function verbosityOf(words: readonly string[]): number {
  return words.some((word) => /^(-v+|--verbose)$/.test(word)) ? 1 : 0;
}

function overridesOf(pairs: unknown): Map<string, string> {
  const overrides = new Map<string, string>();
  for (const pair of Array.isArray(pairs) ? pairs : []) {
    const text = String(pair);
    setOverride(overrides, text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1));
  }
  return overrides;
}
