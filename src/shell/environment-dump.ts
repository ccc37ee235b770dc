/**
 * What a shell's environment became: bash is told to write down its variables and functions, as fields that each end
 * with a zero byte, which nothing in bash can hold; here they are read.
 */
import { isAscii, toByteString, type ByteString } from '../bytes/byte-string.ts';
import { FerryError } from '../error.ts';
import { isVariableName, quoteForBash } from './bash-words.ts';

export type BashVariable =
  | { readonly kind: 'text'; readonly value: ByteString; readonly isExported: boolean }
  | {
      readonly kind: 'list' | 'table';
      /** In bash's order; the keys of a list are numbers, and may leave some out. */
      readonly entries: readonly (readonly [key: ByteString, value: ByteString])[];
      readonly isExported: boolean;
    };

export interface EnvironmentDump {
  readonly variables: ReadonlyMap<string, BashVariable>;
  /** By name: as bash writes them, with name and braces. */
  readonly functions: ReadonlyMap<string, ByteString>;
}

/** Bytes of a dump. Those of nixpkgs have some hundred thousand. */
export const dumpSizeMax: number = 64 << 20;

/**
 * Commands for bash that dump to descriptor 3. They do without what a bash without readline lacks, such as `compgen`.
 * Read-only variables belong to bash itself, and references to others can't be told from these.
 */
const dumpScript: ByteString = String.raw`__ferry_dump() {
  local __ferry_first __ferry_name __ferry_flags
  local -a __ferry_names __ferry_keys __ferry_values
  for __ferry_first in {a..z} {A..Z} _; do
    eval '__ferry_names=("\${!'$__ferry_first'@}")'
    for __ferry_name in "\${__ferry_names[@]}"; do
      case $__ferry_name in __ferry_*) continue ;; esac
      __ferry_flags=$(declare -p "$__ferry_name" 2>/dev/null) || continue
      __ferry_flags=\${__ferry_flags#declare -}
      __ferry_flags=\${__ferry_flags%% *}
      case $__ferry_flags in
        *[rn]*) ;;
        *[aA]*)
          eval '__ferry_keys=("\${!'$__ferry_name'[@]}") __ferry_values=("\${'$__ferry_name'[@]}")'
          printf '%s\0' array "$__ferry_flags" "$__ferry_name" "\${#__ferry_keys[@]}" \
            "\${__ferry_keys[@]}" "\${__ferry_values[@]}" >&3 ;;
        *) printf '%s\0' text "$__ferry_flags" "$__ferry_name" "\${!__ferry_name}" >&3 ;;
      esac
    done
  done
  while read -r _ _ __ferry_name; do
    case $__ferry_name in __ferry_*) continue ;; esac
    printf '%s\0' function "$__ferry_name" "$(declare -f "$__ferry_name")" >&3
  done < <(declare -F)
  printf '%s\0' end >&3
}
__ferry_dump
`.replaceAll('\\${', '${') as ByteString;

/**
 * What bash is to read instead of the file that starts a shell: it sources the setup as that does, and dumps to what was
 * its stdout. The hook is left out: it is for who takes the environment over.
 * @param variables those that it is started with: what isn't plain text they are told again, as bytes
 */
export function formatDumpScript(
  attributesScript: ByteString,
  variables: ReadonlyMap<ByteString, ByteString>,
): ByteString {
  const bytes = [...variables].filter(([name, value]) => !isAscii(value) && isVariableName(name));
  const lines = [
    'exec 3>&1 1>&2',
    ...bytes.map(([name, value]) => `export ${name}=${quoteForBash(value)}`),
    'export IN_NIX_SHELL=impure',
    'unset PATH; dontAddDisableDepTrack=1',
    attributesScript,
    '[ -e $stdenv/setup ] && source $stdenv/setup; set +eu; shopt -u nullglob',
    dumpScript,
  ];
  return lines.join('\n') as ByteString;
}

/** @throws FerryError `protocol` for what no bash has written, or not to the end */
export function parseDump(bytes: Uint8Array): EnvironmentDump {
  const fields = new FieldReader(bytes);
  const variables = new Map<string, BashVariable>();
  const functions = new Map<string, ByteString>();
  for (let kind = fields.next(); kind !== 'end'; kind = fields.next()) {
    if (kind === 'function') {
      functions.set(fields.next(), fields.next());
      continue;
    }
    const flags = fields.next();
    const name = fields.next();
    if (!isVariableName(name)) throw malformed(`"${name.slice(0, 100)}" is no name of a variable`);
    const isExported = flags.includes('x');
    if (kind === 'text') {
      variables.set(name, { kind: 'text', value: fields.next(), isExported });
    } else if (kind === 'array') {
      variables.set(name, {
        kind: flags.includes('A') ? 'table' : 'list',
        entries: fields.pairs(flags.includes('A') ? /(?:)/ : /^\d{1,20}$/),
        isExported,
      });
    } else {
      throw malformed(`a part of it is of the kind "${kind.slice(0, 100)}"`);
    }
  }
  fields.end();
  return { variables, functions };
}

class FieldReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): ByteString {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw malformed(`it ends after ${this.#bytes.length} bytes`);
    const field = toByteString(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return field;
  }

  /** A count, so many keys, and their values. */
  pairs(keyPattern: RegExp): (readonly [ByteString, ByteString])[] {
    const count = Number(this.next());
    // Two fields each have at least a byte.
    const most = (this.#bytes.length - this.#at) / 2;
    if (!Number.isSafeInteger(count) || count < 0 || count > most) {
      throw malformed('an array has a wrong size');
    }
    const keys = Array.from({ length: count }, () => this.next());
    if (!keys.every((key) => keyPattern.test(key))) throw malformed('a list has no numbers');
    return keys.map((key) => [key, this.next()] as const);
  }

  end(): void {
    if (this.#at < this.#bytes.length) throw malformed('it goes on after its end');
  }
}

function malformed(why: string): FerryError {
  return new FerryError('protocol', `cannot read what bash says of its environment: ${why}`);
}
