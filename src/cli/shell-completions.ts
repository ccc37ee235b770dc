/**
 * Completion scripts for shells, from the values of the commands. Each is static: completing starts no ferry. Hosts for
 * stores come from the user's ssh configuration, read by the shell.
 */
import { commonOptions } from './common-options.ts';
import {
  flagOf,
  type ArgumentSpec,
  type Command,
  type Completion,
  type OptionSpec,
} from './command.ts';
import type { CommandEntry, CommandGroup } from './command-entry.ts';
import { dropInNames } from './drop-in-table.ts';
import { visible } from './help.ts';
import { aloneOf, commandsIn, commandTable } from './table.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

interface LoadedCommand {
  /** `store ls` */
  readonly words: string;
  readonly summary: string;
  readonly options: readonly (readonly [string, OptionSpec])[];
  readonly argument: ArgumentSpec | undefined;
}

export async function shellCompletions(shell: Shell): Promise<string> {
  const commands = await loadAll();
  switch (shell) {
    case 'bash':
      return bash(commands);
    case 'zsh':
      return zsh(commands);
    case 'fish':
      return fish(commands);
  }
}

async function loadAll(): Promise<LoadedCommand[]> {
  const commands: LoadedCommand[] = [];
  const add = async (words: string, entry: CommandEntry): Promise<void> => {
    const command: Command = await entry.load();
    const common = command.isDropIn ? {} : commonOptions;
    commands.push({
      words,
      summary: entry.summary,
      options: visible({ ...command.options, ...common }),
      argument: command.arguments[0],
    });
  };
  for (const entry of commandTable) {
    if (!('commands' in entry)) {
      await add(entry.name, entry);
      continue;
    }
    const alone = aloneOf(entry);
    if (alone !== undefined) await add(entry.name, alone);
    for (const inner of entry.commands) await add(`${entry.name} ${inner.name}`, inner);
  }
  return commands;
}

function groupsOf(): CommandGroup[] {
  return commandTable.flatMap((entry) => ('commands' in entry ? [entry] : []));
}

const HOSTS = `sed -n 's/^[[:space:]]*[Hh]ost[[:space:]]\\{1,\\}//p' ~/.ssh/config 2>/dev/null | tr -s ' \\t' '\\n\\n' | grep -v '[*?!]'`;

// bash

function bash(commands: readonly LoadedCommand[]): string {
  const groups = groupsOf();
  const options = commands.map(({ words, options: list }) => {
    const flags = list.flatMap(([name, { short }]) => [
      flagOf(name),
      ...(short ? [`-${short}`] : []),
    ]);
    return `    '${words}') options='${flags.join(' ')}' ;;`;
  });
  const values = commands.flatMap(({ words, options: list }) =>
    list.flatMap(([name, spec]) => {
      if (spec.value === undefined) return [];
      const flags = [flagOf(name), ...(spec.short === undefined ? [] : [`-${spec.short}`])];
      return flags.map((flag) => `    '${words} ${flag}') ${bashWords(spec)}; return ;;`);
    }),
  );
  const positional = commands.flatMap(({ words, argument }) =>
    argument === undefined ? [] : [`    '${words}') ${bashWords(argument)} ;;`],
  );
  return `# Completions of ferry for bash.
_ferry_stores() {
  local prefix=\${cur%%://*}
  if [[ $cur == ssh://* || $cur == ssh-ng://* ]]; then
    COMPREPLY=($(compgen -P "$prefix://" -W "$(${HOSTS})" -- "\${cur#*://}"))
    __ltrim_colon_completions "$cur" 2>/dev/null
  else
    compopt -o nospace
    COMPREPLY=($(compgen -W 'ssh:// ssh-ng:// file:// https:// s3:// auto daemon local' -- "$cur") $(compgen -d -- "$cur"))
  fi
}
_ferry() {
  local cur prev words cword command options i
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : cur prev words cword
  else
    cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
  fi
  COMPREPLY=()
  case \${words[0]##*/} in
    ${dropInNames.join(' | ')}) command=\${words[0]##*/} ;;
    *)
      if ((cword == 1)); then
        COMPREPLY=($(compgen -W '${commandTable.map(({ name }) => name).join(' ')} help --help --version' -- "$cur"))
        return
      fi
      command=\${words[1]}
      case $command in
${groups
  .map((group) => {
    const names = group.commands.map(({ name }) => name);
    if (group.fallback !== undefined) {
      return `        ${group.name})
          if ((cword == 2)) && [[ $cur != -* ]]; then
            compopt -o filenames
            COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$cur") $(compgen -f -- "$cur"))
            return
          fi
          case \${words[2]} in ${names.join(' | ')}) command="$command \${words[2]}" ;; esac ;;`;
    }
    return `        ${group.name})
          if ((cword == 2)); then COMPREPLY=($(compgen -W '${names.join(' ')} --help' -- "$cur")); return; fi
          command="$command \${words[2]}" ;;`;
  })
  .join('\n')}
      esac ;;
  esac
  case "$command $prev" in
${values.join('\n')}
  esac
  case $command in
${options.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
    return
  fi
  case $command in
${positional.join('\n')}
  esac
}
complete -F _ferry ferry ${dropInNames.filter((name) => name === 'nix-copy-closure').join(' ')}
`;
}

function bashWords(spec: OptionSpec | ArgumentSpec): string {
  if (spec.choices !== undefined) {
    return `COMPREPLY=($(compgen -W '${spec.choices.join(' ')}' -- "$cur"))`;
  }
  const completes: Readonly<Record<Completion, string>> = {
    file: 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))',
    directory: 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))',
    store: '_ferry_stores',
    command: `COMPREPLY=($(compgen -W '${commandTable.map(({ name }) => name).join(' ')}' -- "$cur"))`,
  };
  return spec.completes === undefined ? ':' : completes[spec.completes];
}

// zsh

function zsh(commands: readonly LoadedCommand[]): string {
  const cases = commands.map(({ words, options, argument }) => {
    const specs = options.flatMap(([name, spec]) => zshOption(name, spec));
    const last = argument === undefined ? [] : [`'*:${argument.name}:${zshAction(argument)}'`];
    return `    '${words}') _arguments -s -S ${[...specs, ...last].join(' \\\n      ')} ;;`;
  });
  const described = (
    list: readonly { readonly name: string; readonly summary: string }[],
  ): string => list.map(({ name, summary }) => `'${name}:${zshText(summary)}'`).join(' ');
  const groups = groupsOf().map(({ name, commands: inner, fallback }) => {
    const names = inner.map((entry) => entry.name).join(' | ');
    const descend = 'command="$command $words[2]"; shift words; ((CURRENT--))';
    if (fallback !== undefined) {
      return `    ${name})
      if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then local -a inner=(${described(inner)}); _describe command inner; _files; return; fi
      case $words[2] in ${names}) ${descend} ;; esac ;;`;
    }
    return `    ${name})
      if ((CURRENT == 2)); then local -a inner=(${described(inner)}); _describe command inner; return; fi
      ${descend} ;;`;
  });
  return `#compdef ferry nix-copy-closure
# Completions of ferry for zsh.
_ferry_stores() {
  local -a hosts
  if [[ $PREFIX == (ssh|ssh-ng)://* ]]; then
    hosts=(\${(f)"$(${HOSTS})"})
    compset -P '*://'
    _describe host hosts
  else
    compadd -S '' -- ssh:// ssh-ng:// file:// https:// s3://
    compadd -- auto daemon local
    _files -/
  fi
}
_ferry() {
  local command=$service
  if [[ $service == ferry ]]; then
    if ((CURRENT == 2)); then
      local -a commands=(${described(commandTable)})
      _describe command commands
      return
    fi
    shift words; ((CURRENT--))
    command=$words[1]
  fi
  case $command in
${groups.join('\n')}
  esac
  case $command in
${cases.join('\n')}
  esac
}
_ferry "$@"
`;
}

function zshOption(name: string, spec: OptionSpec): string[] {
  const flags = [flagOf(name), ...(spec.short === undefined ? [] : [`-${spec.short}`])];
  const repeat = spec.repeated === true ? '*' : '';
  const values = (spec.value?.split(' ') ?? []).map((value) => `:${value}:${zshAction(spec)}`);
  return flags.map((flag) => `'${repeat}${flag}[${zshText(spec.help)}]${values.join('')}'`);
}

function zshAction(spec: OptionSpec | ArgumentSpec): string {
  if (spec.choices !== undefined) return `(${spec.choices.join(' ')})`;
  const actions: Readonly<Record<Completion, string>> = {
    file: '_files',
    directory: '_files -/',
    store: '_ferry_stores',
    command: `(${commandTable.map(({ name }) => name).join(' ')})`,
  };
  return spec.completes === undefined ? '' : actions[spec.completes];
}

function zshText(text: string): string {
  return text.replaceAll("'", "'\\''").replace(/[[\]:]/g, '\\$&');
}

// fish

function fish(commands: readonly LoadedCommand[]): string {
  const lines = commandTable.map(
    ({ name, summary }) =>
      `complete -c ferry -n __fish_use_subcommand -f -a ${name} -d ${fishText(summary)}`,
  );
  for (const entry of groupsOf()) {
    const names = entry.commands.map(({ name }) => name).join(' ');
    for (const { name, summary } of entry.commands) {
      lines.push(
        `complete -c ferry -n '__fish_seen_subcommand_from ${entry.name}; and not __fish_seen_subcommand_from ${names}' -f -a ${name} -d ${fishText(summary)}`,
      );
    }
  }
  for (const { words, options, argument } of commands) {
    const seen = [
      ...words.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`),
      // A group that is a command by itself as well.
      ...commandsIn(`ferry ${words}`).map(({ name }) => `not __fish_seen_subcommand_from ${name}`),
    ].join('; and ');
    for (const [name, spec] of options) {
      const short = spec.short === undefined ? '' : ` -s ${spec.short}`;
      lines.push(
        `complete -c ferry -n '${seen}' -l ${flagOf(name).slice(2)}${short}${fishValue(spec)} -d ${fishText(spec.help)}`,
      );
    }
    if (argument?.choices !== undefined) {
      lines.push(`complete -c ferry -n '${seen}' -f -a '${argument.choices.join(' ')}'`);
    }
  }
  return `# Completions of ferry for fish.
function __ferry_stores
  printf '%s\\n' auto daemon local file:// https:// s3://
  for host in (${HOSTS})
    printf '%s\\n' ssh://$host ssh-ng://$host
  end
end
${lines.join('\n')}
`;
}

function fishValue(spec: OptionSpec): string {
  if (spec.value === undefined) return '';
  if (spec.choices !== undefined) return ` -x -a '${spec.choices.join(' ')}'`;
  const values: Readonly<Record<Completion, string>> = {
    file: ' -r -F',
    directory: " -x -a '(__fish_complete_directories)'",
    store: " -x -a '(__ferry_stores)'",
    command: ' -x',
  };
  return spec.completes === undefined ? ' -x' : values[spec.completes];
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
