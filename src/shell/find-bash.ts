/** Which bash a development shell runs in. */
import { accessSync, constants, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { FerryError } from '../error.ts';
import { printStorePath, nameOf, type StoreDir, type StorePath } from '../format/store-path.ts';

export interface BashChoice {
  /** Absolute. */
  readonly program: string;
  /** To be put before PATH, so that `bash` means this one; not where that would hide what is in the shell. */
  readonly directory?: string | undefined;
}

export interface BashQuery {
  /** NIX_BUILD_SHELL */
  readonly wanted: string | undefined;
  /** PATH */
  readonly searchPath: string | undefined;
  readonly storeDir: StoreDir;
  /** The derivation's inputs. */
  readonly inputs: readonly StorePath[];
  /** The program that builds the derivation, which is a bash for most. */
  readonly builder: string;
}

/**
 * The one that NIX_BUILD_SHELL names; an interactive bash among the inputs; the bash on PATH; the one that the derivation
 * is built with. Nix takes `bashInteractive` out of `<nixpkgs>`, for which it must be evaluated, and else the one on PATH.
 * @throws FerryError `not-found`
 */
export function findBash({ wanted, searchPath, storeDir, inputs, builder }: BashQuery): BashChoice {
  if (wanted !== undefined && wanted !== '') {
    const program = wanted.includes('/') ? resolve(wanted) : programOnPath(wanted, searchPath);
    if (program === undefined || !isProgram(program)) {
      throw new FerryError('not-found', `NIX_BUILD_SHELL is "${wanted}": there is no such program`);
    }
    return inDirectory(program);
  }
  const interactive = inputs
    .filter((path) => nameOf(path).startsWith('bash-interactive-'))
    .map((path) => join(printStorePath(storeDir, path), 'bin/bash'))
    .find(isProgram);
  if (interactive !== undefined) return inDirectory(interactive);
  const machines = programOnPath('bash', searchPath);
  if (machines !== undefined) return { program: machines };
  const built = builders(builder, storeDir, inputs).find(isProgram);
  if (built !== undefined) return inDirectory(built);
  throw new FerryError(
    'not-found',
    'there is no bash: neither on PATH nor among the inputs of the derivation',
    { hint: 'NIX_BUILD_SHELL may name one' },
  );
}

function builders(builder: string, storeDir: StoreDir, inputs: readonly StorePath[]): string[] {
  const own = isAbsolute(builder) && basename(builder) === 'bash' ? [builder] : [];
  const others = inputs.filter((path) => nameOf(path).startsWith('bash-'));
  return [...own, ...others.map((path) => join(printStorePath(storeDir, path), 'bin/bash'))];
}

function inDirectory(program: string): BashChoice {
  return { program, directory: dirname(program) };
}

/** Its absolute path; directories that are relative don't count. */
export function programOnPath(name: string, searchPath = ''): string | undefined {
  return searchPath
    .split(':')
    .filter(isAbsolute)
    .map((directory) => join(directory, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
