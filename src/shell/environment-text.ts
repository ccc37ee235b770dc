/**
 * The environment of a development shell as text that bash reads: `eval "$(ferry print-env …)"` has the same effect on a
 * running shell as entering the development shell, but for what belongs to that running shell. Also as JSON.
 */
import type { ByteString } from '../bytes/byte-string.ts';
import { quoteForBash } from './bash-words.ts';
import type { BashVariable, EnvironmentDump } from './environment-dump.ts';

export interface EnvironmentTextOptions {
  /** The temporary directory in which the dump was made: the text makes one of its own, if that is needed. */
  readonly directory: ByteString;
  /** By name: what is to lie in it. */
  readonly files: ReadonlyMap<string, ByteString>;
  /** Variables of the derivation itself: they count whatever they are called. */
  readonly own: ReadonlySet<string>;
}

/** Belong to the running shell, to bash, or to the terminal. */
const NOT_TOLD: ReadonlySet<string> = new Set(
  'COLUMNS DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD HOME HOSTNAME HOSTTYPE IFS LINENO LINES LOGNAME MACHTYPE NIX_BUILD_SHELL NIX_BUILD_TOP NIX_ENFORCE_PURITY NIX_SHELL_PRESERVE_PROMPT OLDPWD OPTERR OPTIND OSTYPE PAGER PIPESTATUS PPID PS1 PS2 PS3 PS4 PWD RANDOM SECONDS SHELL SHELLOPTS SHLVL SRANDOM TEMP TEMPDIR TERM TMP TMPDIR TZ UID USER XDG_RUNTIME_DIR DISPLAY WAYLAND_DISPLAY WAYLAND_SOCKET __ETC_PROFILE_SOURCED _ http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY'.split(
    ' ',
  ),
);

/** Searched one after the other: what the running shell has in them stays, behind. */
const SEARCHED = ['PATH', 'XDG_DATA_DIRS'] as const;

/** The same without what isn't for others. */
function tellableDump(dump: EnvironmentDump, own: ReadonlySet<string>): EnvironmentDump {
  const variables = [...dump.variables].filter(
    ([name]) => own.has(name) || !(NOT_TOLD.has(name) || /^(BASH|COMP_)/.test(name)),
  );
  const functions = [...dump.functions].filter(([name]) => name !== '_nix_shell_clean_tmpdir');
  return { variables: new Map(variables), functions: new Map(functions) };
}

export function formatEnvironmentText(
  dump: EnvironmentDump,
  { directory, files, own }: EnvironmentTextOptions,
): ByteString {
  const { variables, functions } = tellableDump(dump, own);
  let needsDirectory = files.size > 0;
  const word = (value: ByteString): string => {
    const parts = value.split(directory) as ByteString[];
    needsDirectory ||= parts.length > 1;
    return parts.map(quoteForBash).join('"$NIX_BUILD_TOP"');
  };
  const saved = SEARCHED.filter((name) => variables.has(name));
  const assignments = [...variables].flatMap(([name, variable]) => [
    assignment(name, variable, word),
    ...(variable.isExported ? [`export ${name}`] : []),
  ]);
  const made = [
    'if NIX_BUILD_TOP=$(mktemp -d "${TMPDIR:-/tmp}/nix-shell-XXXXXX"); then',
    'export NIX_BUILD_TOP',
    ...[...files].map(
      ([name, content]) => `printf %s ${quoteForBash(content)} >"$NIX_BUILD_TOP/${name}"`,
    ),
    'fi',
  ];
  const lines = [
    ...saved.map((name) => `__ferry_saved_${name}=\${${name}:-}`),
    ...(needsDirectory ? made : []),
    ...assignments,
    ...functions.values(),
    ...saved.flatMap((name) => [
      // No ":" where one of them is empty: that would be the working directory.
      `${name}="$${name}\${${name}:+\${__ferry_saved_${name}:+:}}$__ferry_saved_${name}"`,
      `unset __ferry_saved_${name}`,
    ]),
    'if [ "$(type -t runHook)" = function ]; then runHook shellHook; fi',
  ];
  return `${lines.join('\n')}\n` as ByteString;
}

function assignment(
  name: string,
  variable: BashVariable,
  word: (value: ByteString) => string,
): string {
  if (variable.kind === 'text') return `${name}=${word(variable.value)}`;
  const isTable = variable.kind === 'table';
  const entries = variable.entries.map(
    ([key, value]) => `[${isTable ? quoteForBash(key) : key}]=${word(value)}`,
  );
  const flag = isTable ? 'A' : 'a';
  // A text of that name, which the running shell may have, would become the first element.
  return `unset ${name}; declare -g${flag} ${name}=(${entries.join(' ')})`;
}

/** What is no UTF-8 comes as replacement characters. */
export function environmentJson(dump: EnvironmentDump, own: ReadonlySet<string>): object {
  const { variables, functions } = tellableDump(dump, own);
  return {
    version: 1,
    variables: Object.fromEntries(
      Array.from(variables, ([name, variable]) => [name, variableJson(variable)]),
    ),
    functions: Object.fromEntries(
      Array.from(functions, ([name, text]) => [textOf(name as ByteString), textOf(text)]),
    ),
  };
}

function variableJson(variable: BashVariable): object {
  switch (variable.kind) {
    case 'text':
      return { type: variable.isExported ? 'exported' : 'var', value: textOf(variable.value) };
    case 'list':
      return { type: 'array', value: variable.entries.map(([, value]) => textOf(value)) };
    case 'table':
      return {
        type: 'associative',
        value: Object.fromEntries(
          variable.entries.map(([key, value]) => [textOf(key), textOf(value)]),
        ),
      };
  }
}

function textOf(text: ByteString): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
