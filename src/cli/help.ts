/** The text of `--help`, from the values of the commands. Pure: width and style come from the caller. */
import { commonOptions } from './common-options.ts';
import { flagOf, type ArgumentSpec, type Command, type OptionSpec } from './command.ts';
import type { CommandEntry, CommandGroup } from './command-entry.ts';
import { commandTable } from './table.ts';

export interface HelpStyle {
  readonly width: number;
  readonly heading: (text: string) => string;
}

const WIDTH_MAX = 100;
const LEFT_MAX = 30;

/** Help of a command. `title` is how it was called: `ferry copy`. */
export function commandHelp(
  title: string,
  summary: string,
  command: Command,
  style: HelpStyle,
): string {
  const common = command.isDropIn ? {} : commonOptions;
  const options = visible({ ...command.options, ...common });
  return sections([
    `${style.heading('Usage:')} ${synopsisOf(title, command)}`,
    paragraphs([`${summary}.`, ...command.description], style.width),
    table(
      'Arguments',
      command.arguments.map((spec) => [argumentText(spec), helpOf(spec)]),
      style,
    ),
    table(
      'Options',
      options.map(([name, spec]) => [optionText(name, spec), helpOf(spec)]),
      style,
    ),
    examples(command, style),
  ]);
}

/** Help of ferry itself, or of a group of commands. */
export function groupHelp(
  title: string,
  summary: string,
  commands: readonly (CommandEntry | CommandGroup)[],
  style: HelpStyle,
): string {
  return sections([
    `${style.heading('Usage:')} ${title} COMMAND [OPTIONS] ...`,
    paragraphs([`${summary}.`], style.width),
    table(
      'Commands',
      commands.map(({ name, summary: line }) => [name, line]),
      style,
    ),
    paragraphs([`"${title} COMMAND --help" tells more about each.`], style.width),
  ]);
}

/** What stands below the help of a command that has others in it; nothing where it has none. */
export function innerHelp(
  title: string,
  commands: readonly CommandEntry[],
  style: HelpStyle,
): string {
  if (commands.length === 0) return '';
  const rows = commands.map(({ name, summary }) => [`${title} ${name}`, summary] as const);
  return `\n${table('Commands', rows, style)}\n`;
}

/** Help of `ferry` alone. */
export function mainHelp(style: HelpStyle): string {
  return sections([
    groupHelp('ferry', 'Move Nix closures between machines', commandTable, style).trimEnd(),
    [
      style.heading('Examples:'),
      '  ferry copy --to ssh://alice@server ./result',
      '  ferry copy --from ssh://server --dry-run /nix/store/…-hello-2.12',
      '  ferry doctor --to ssh://server',
    ].join('\n'),
  ]);
}

/** `ferry copy [OPTIONS] [--to STORE] PATH...` */
function synopsisOf(title: string, command: Command): string {
  return [title, '[OPTIONS]', ...command.arguments.map(argumentText)].join(' ');
}

/** `PATH...`, in brackets where it may be left out. */
export function argumentText(spec: ArgumentSpec): string {
  const name = spec.repeated === true ? `${spec.name}...` : spec.name;
  return spec.optional === true ? `[${name}]` : name;
}

/** `-s, --substitute-on-destination` */
function optionText(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
  return `${short}${flagOf(name)}${spec.value === undefined ? '' : ` ${spec.value}`}`;
}

export function helpOf(spec: OptionSpec | ArgumentSpec): string {
  return spec.choices === undefined ? spec.help : `${spec.help} (${spec.choices.join(', ')})`;
}

export function visible(specs: Readonly<Record<string, OptionSpec>>): [string, OptionSpec][] {
  return Object.entries(specs).filter(([, spec]) => spec.hidden !== true);
}

/** Breaks a text into lines; words longer than a line stay whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return line === '' ? lines : [...lines, line];
}

function sections(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function paragraphs(texts: readonly string[], width: number): string {
  return texts.map((text) => wrap(text, Math.min(width, WIDTH_MAX)).join('\n')).join('\n\n');
}

function table(
  title: string,
  rows: readonly (readonly [string, string])[],
  style: HelpStyle,
): string {
  if (rows.length === 0) return '';
  const widest = Math.max(
    ...rows.map(([left]) => left.length).filter((size) => size <= LEFT_MAX),
    0,
  );
  const width = Math.max(Math.min(style.width, WIDTH_MAX) - widest - 4, 24);
  const lines = rows.flatMap(([left, right]) => {
    const [first = '', ...others] = wrap(right, width);
    const indent = ' '.repeat(widest + 4);
    const rest = others.map((line) => indent + line);
    if (left.length > widest) return [`  ${left}`, indent + first, ...rest];
    return [`  ${left.padEnd(widest)}  ${first}`, ...rest];
  });
  return [style.heading(`${title}:`), ...lines].join('\n');
}

function examples(command: Command, style: HelpStyle): string {
  if (command.examples.length === 0) return '';
  const lines = command.examples.map(({ meaning, command: line }) => `  # ${meaning}\n  ${line}`);
  return `${style.heading('Examples:')}\n${lines.join('\n\n')}`;
}
