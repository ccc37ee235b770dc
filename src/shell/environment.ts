/**
 * The environment of a development shell: what of that around it stays, what Nix sets, the variables of the derivation,
 * and the files that hold what isn't a variable. Pure: directories, files and programs are for `open-shell.ts`.
 * (Nix manual, "nix-shell".)
 */
import { utf8ByteString, type ByteString } from '../bytes/byte-string.ts';
import { FerryError } from '../error.ts';
import type { Derivation } from '../format/derivation.ts';
import type { StoreDir } from '../format/store-path.ts';
import { namesIn } from './bash-words.ts';
import {
  completeAttributes,
  formatAttributesJson,
  formatAttributesShell,
  parseStructuredAttributes,
  structuredVariable,
  type AttributeValue,
} from './structured-attributes.ts';

export type Variables = ReadonlyMap<ByteString, ByteString>;

export interface ShellSurroundings {
  /** The variables around it. */
  readonly variables: Variables;
  readonly storeDir: StoreDir;
  /** The temporary directory that is to be: absolute. */
  readonly directory: ByteString;
  /** How many jobs a build may run at once. */
  readonly cores: number;
  /** Keep of the variables around it only those that are needed, and `keep`. */
  readonly isPure: boolean;
  readonly keep: ReadonlySet<string>;
  /** By attribute: what `exportReferencesGraph` asks for, where the attributes are structured. */
  readonly graphs: ReadonlyMap<string, AttributeValue>;
}

export interface ShellEnvironment {
  readonly variables: Variables;
  /** By name: what is to lie in the temporary directory. */
  readonly files: ReadonlyMap<string, ByteString>;
  /** Commands that set the structured attributes; empty where there are none. */
  readonly attributesScript: ByteString;
}

/** What `--pure` keeps, as Nix does. PATH is taken away again by the shell itself. */
const KEPT: ReadonlySet<string> = new Set(
  'HOME XDG_RUNTIME_DIR USER LOGNAME DISPLAY WAYLAND_DISPLAY WAYLAND_SOCKET PATH TERM IN_NIX_SHELL NIX_SHELL_PRESERVE_PROMPT TZ PAGER NIX_BUILD_SHELL SHLVL http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY'.split(
    ' ',
  ),
);

const TEMPORARY = ['NIX_BUILD_TOP', 'TMPDIR', 'TEMPDIR', 'TMP', 'TEMP'] as ByteString[];

/** @throws FerryError `corrupt` for structured attributes that are none, or bytes that no environment holds */
export function computeShellEnvironment(
  derivation: Derivation,
  surroundings: ShellSurroundings,
): ShellEnvironment {
  const { directory, storeDir, cores, isPure } = surroundings;
  const variables = new Map<ByteString, ByteString>();
  const set = (name: string, value: string): void => {
    variables.set(utf8ByteString(name), utf8ByteString(value));
  };
  for (const [name, value] of surroundings.variables) {
    if (!isPure || KEPT.has(name) || surroundings.keep.has(name)) variables.set(name, value);
  }
  set('IN_NIX_SHELL', isPure ? 'pure' : 'impure');
  // The bashrc of some systems resets PATH unless this says that it was set already.
  if (isPure) set('__ETC_PROFILE_SOURCED', '1');
  for (const name of TEMPORARY) variables.set(name, directory);
  set('NIX_STORE', storeDir);
  set('NIX_BUILD_CORES', String(cores));

  const files = new Map<string, ByteString>();
  const pathOf = (name: string): ByteString => `${directory}/${name}` as ByteString;
  const structured = derivation.env.get(structuredVariable);
  const asFiles = structured === undefined ? filesOf(derivation) : new Set<ByteString>();
  for (const [name, value] of sorted(derivation.env)) {
    if (name === structuredVariable) continue;
    if (asFiles.has(name)) {
      const file = `.attr-${files.size}`;
      files.set(file, value);
      variables.set(`${name}Path` as ByteString, pathOf(file));
    } else if (isPassable(name, value)) {
      variables.set(name, value);
    }
  }
  const complete =
    structured === undefined
      ? undefined
      : completeAttributes(
          parseStructuredAttributes(structured),
          derivation.outputs.keys(),
          surroundings.graphs,
        );
  let attributesScript = '' as ByteString;
  if (complete !== undefined) {
    attributesScript = formatAttributesShell(complete);
    files.set('.attrs.json', formatAttributesJson(complete));
    files.set('.attrs.sh', attributesScript);
    variables.set('NIX_ATTRS_SH_FILE' as ByteString, pathOf('.attrs.sh'));
    variables.set('NIX_ATTRS_JSON_FILE' as ByteString, pathOf('.attrs.json'));
  }
  return { variables, files, attributesScript };
}

function filesOf({ env }: Derivation): Set<ByteString> {
  return new Set(namesIn(env.get('passAsFile' as ByteString) ?? ('' as ByteString)));
}

/** In the order of their names, by which files are numbered. */
function sorted(variables: Variables): (readonly [ByteString, ByteString])[] {
  return [...variables].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** A name with a "=" in it would be taken for another variable. */
function isPassable(name: ByteString, value: ByteString): boolean {
  if (name.includes('\0') || value.includes('\0')) {
    throw new FerryError('corrupt', 'a variable of the derivation has a zero byte');
  }
  return name !== '' && !name.includes('=');
}
