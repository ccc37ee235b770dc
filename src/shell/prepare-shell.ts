/** Makes what the shell of a derivation needs besides its inputs: a temporary directory with files, and a call of bash. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fromByteString, utf8ByteString, type ByteString } from '../bytes/byte-string.ts';
import type { Derivation } from '../format/derivation.ts';
import { translateOsError } from '../system/os-error.ts';
import type { BashChoice } from './find-bash.ts';
import {
  computeShellEnvironment,
  type ShellEnvironment,
  type ShellSurroundings,
  type Variables,
} from './environment.ts';
import { formatRcFile } from './rc-file.ts';

export interface ShellOptions extends Omit<ShellSurroundings, 'directory'> {
  /** Where temporary directories are made. */
  readonly temporaryRoot: string;
  readonly bash: BashChoice;
  /** The program `rm`. */
  readonly remover: string;
  readonly isRoot: boolean;
  /** Whether someone types into it. */
  readonly isInteractive: boolean;
  /** What it does in the end; by default what is typed. */
  readonly command?: ByteString | undefined;
  /** What bash reads; by default what makes a development shell of it. */
  readonly script?: ((environment: ShellEnvironment) => ByteString) | undefined;
}

export interface PreparedShell {
  readonly program: string;
  readonly args: readonly ByteString[];
  readonly variables: Variables;
  /** By name: what lies in the temporary directory because the derivation wants it. */
  readonly files: ReadonlyMap<string, ByteString>;
  /** The temporary directory: the shell removes it when it ends. */
  readonly directory: string;
  /** Removes it without a shell. */
  discard(): void;
}

/** @throws FerryError `corrupt` for a derivation that can't be entered, `denied`, `no-space` */
export function prepareShell(derivation: Derivation, options: ShellOptions): PreparedShell {
  const { temporaryRoot, bash, isInteractive, isRoot, isPure, command } = options;
  const directory = makeDirectory(resolve(temporaryRoot));
  const discard = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    const inDirectory = (name: string): string => join(directory, name);
    const environment = computeShellEnvironment(derivation, {
      ...options,
      directory: utf8ByteString(directory),
    });
    const { variables, files, attributesScript } = environment;
    const rcFile =
      options.script?.(environment) ??
      formatRcFile({
        directory: utf8ByteString(directory),
        remover: utf8ByteString(options.remover),
        isPure,
        isRoot,
        shell: utf8ByteString(bash.program),
        shellDirectory: bash.directory === undefined ? undefined : utf8ByteString(bash.directory),
        attributesScript,
        timeZone: options.variables.get('TZ' as ByteString),
        command,
      });
    for (const [name, content] of [...files, ['rc', rcFile] as const]) {
      writeNew(inDirectory(name), fromByteString(content));
    }
    const rc = utf8ByteString(inDirectory('rc'));
    const args = ['bash', ...(isInteractive ? ['--rcfile'] : []), rc] as ByteString[];
    return { program: bash.program, args, variables, files, directory, discard };
  } catch (error) {
    discard();
    throw error;
  }
}

/** For us alone: derivations may have in them what isn't for everybody on the machine. */
function makeDirectory(root: string): string {
  try {
    return mkdtempSync(join(root, 'nix-shell-'));
  } catch (error) {
    throw translateOsError(error, 'make a directory in', root);
  }
}

function writeNew(file: string, content: Uint8Array): void {
  try {
    writeFileSync(file, content, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw translateOsError(error, 'write', file);
  }
}
