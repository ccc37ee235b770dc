/** Manual pages in the man(7) macros, from the values of the commands. */
import { commonOptions } from './common-options.ts';
import { flagOf, type Command, type OptionSpec } from './command.ts';
import type { CommandEntry, CommandGroup } from './command-entry.ts';
import { argumentText, helpOf, visible } from './help.ts';
import { commandTable, commandsIn, findCommand } from './table.ts';
import { version } from './version.ts';

export interface ManualFile {
  /** `ferry-store-ls.1` */
  readonly name: string;
  readonly text: string;
}

/** Every page: that of ferry, of each command and of each group. */
export async function allManuals(): Promise<ManualFile[]> {
  const names: string[][] = [[]];
  for (const entry of commandTable) {
    names.push([entry.name]);
    if ('commands' in entry) names.push(...entry.commands.map(({ name }) => [entry.name, name]));
  }
  const files: ManualFile[] = [];
  for (const name of names) {
    files.push({ name: `${['ferry', ...name].join('-')}.1`, text: await manualPage(name) });
  }
  return files;
}

/** The page of a command; of ferry itself where no name is given. */
export async function manualPage(names: readonly string[]): Promise<string> {
  const { title, entry } = findCommand(names);
  if (entry === undefined) {
    return page('ferry', 'move Nix closures between machines', [
      ['SYNOPSIS', `.B ferry\n.I COMMAND\n[OPTIONS] ...`],
      ['COMMANDS', commandList('ferry', commandTable)],
      ['EXIT STATUS', exitStatuses()],
      ['ENVIRONMENT', environment()],
    ]);
  }
  const summary = entry.summary.charAt(0).toLowerCase() + entry.summary.slice(1);
  if ('commands' in entry) {
    return page(title, summary, [
      ['SYNOPSIS', `.B ${title}\n.I COMMAND\n[OPTIONS] ...`],
      ['COMMANDS', commandList(title, entry.commands)],
    ]);
  }
  const sections = commandSections(title, entry.summary, await entry.load());
  const inner = commandsIn(title);
  if (inner.length > 0) sections.push(['COMMANDS', commandList(title, inner)]);
  return page(title, summary, sections);
}

type Section = readonly [title: string, body: string];

function commandSections(title: string, summary: string, command: Command): Section[] {
  const options = visible({ ...command.options, ...(command.isDropIn ? {} : commonOptions) });
  const words = command.arguments.map((spec) => `.I ${roff(argumentText(spec))}`);
  const sections: Section[] = [
    ['SYNOPSIS', [`.B ${title}`, '[OPTIONS]', ...words].join('\n')],
    ['DESCRIPTION', [`${summary}.`, ...command.description].map(roff).join('\n.PP\n')],
  ];
  if (command.arguments.length > 0) {
    sections.push([
      'ARGUMENTS',
      command.arguments.map((spec) => item(`.I ${argumentText(spec)}`, helpOf(spec))).join('\n'),
    ]);
  }
  sections.push([
    'OPTIONS',
    options.map(([name, spec]) => item(optionTag(name, spec), helpOf(spec))).join('\n'),
  ]);
  if (command.examples.length > 0) {
    const examples = command.examples.map(
      ({ meaning, command: line }) =>
        `${roff(capitalised(meaning))}:\n.PP\n.RS 4\n.EX\n${roff(line)}\n.EE\n.RE`,
    );
    sections.push(['EXAMPLES', examples.join('\n.PP\n')]);
  }
  return sections;
}

function page(title: string, summary: string, sections: readonly Section[]): string {
  const name = title.replaceAll(' ', '-');
  const head = `.TH ${name.toUpperCase().replaceAll('-', '\\-')} 1 "" "ferry ${version}" "ferry manual"`;
  const body = sections.map(([heading, text]) => `.SH ${heading}\n${text}`);
  const seeAlso = name === 'ferry' ? [] : ['.SH SEE ALSO\n.BR ferry (1)'];
  return `${[head, `.SH NAME\n${roff(name)} \\- ${roff(summary)}`, ...body, ...seeAlso].join('\n')}\n`;
}

function commandList(title: string, commands: readonly (CommandEntry | CommandGroup)[]): string {
  return commands
    .map(({ name, summary }) => {
      const reference = `${title} ${name}`.replaceAll(' ', '-');
      return `.TP\n.BR ${roff(reference)} (1)\n${roff(summary)}.`;
    })
    .join('\n');
}

function optionTag(name: string, spec: OptionSpec): string {
  const flag = `\\fB${roff(flagOf(name))}\\fR`;
  const short = spec.short === undefined ? '' : `\\fB\\-${spec.short}\\fR, `;
  const value = spec.value === undefined ? '' : ` \\fI${roff(spec.value)}\\fR`;
  return `${short}${flag}${value}`;
}

function item(tag: string, text: string): string {
  return `.TP\n${tag}\n${roff(capitalised(text))}.`;
}

function exitStatuses(): string {
  const rows: [string, string][] = [
    ['0', 'done'],
    ['1', 'failed, for a reason that has no number of its own'],
    ['2', 'called wrongly'],
    ['3', 'a signature by a trusted key is missing'],
    ['4', 'the other end could not be reached or went away: trying again may help'],
    ['5', 'no space left'],
    ['6', 'with --keep-going: some paths were copied, some were not'],
    ['70', 'a mistake of ferry itself'],
    ['128+N', 'stopped by signal N'],
  ];
  return rows
    .map(([status, meaning]) => `.TP\n.B ${status}\n${roff(capitalised(meaning))}.`)
    .join('\n');
}

function environment(): string {
  const rows: [string, string][] = [
    ['NIX_SSHOPTS', 'options for ssh'],
    ['NIX_REMOTE', 'the default store'],
    ['NIX_CONF_DIR, NIX_USER_CONF_FILES, NIX_CONFIG', 'where settings are read from, as in Nix'],
    ['NIX_STORE_DIR, NIX_STATE_DIR, NIX_LOG_DIR', 'directories of the local store'],
    ['NIX_DAEMON_SOCKET_PATH', 'where the daemon of this machine listens'],
    ['NIX_SSL_CERT_FILE', 'the certificates that servers are checked by'],
    ['http_proxy, https_proxy, all_proxy, no_proxy', 'proxies, as for curl'],
    ['AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION and others', 'as for all programs of AWS'],
    ['NO_COLOR', 'no colours'],
  ];
  return rows
    .map(([name, meaning]) => `.TP\n.B ${roff(name)}\n${roff(capitalised(meaning))}.`)
    .join('\n');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A text as roff takes it: backslashes and dashes escaped, no line that begins like a request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replace(/^([.'])/gm, '\\&$1');
}
