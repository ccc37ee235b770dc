/** The derivation that `nix-shell` is to enter, where it must be evaluated: by the Nix of this machine. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseStorePath, type StorePath } from '../../format/store-path.ts';
import type { Store } from '../../store/store.ts';
import type { CommandContext } from '../context.ts';
import { instantiateShell } from '../instantiate-shell.ts';
import { runForeignNix } from './nix/foreign-nix.ts';
import type { WantedShell } from './nix-shell.ts';
import { nixUsage } from './nix-words.ts';

const PROGRAM = 'nix-shell';

export interface ShellPlace {
  readonly storeUri: string | undefined;
  /** What files are relative to. */
  readonly directory: string;
}

/** @throws FerryError `not-found` without a Nix, `unavailable` where it fails, `usage` */
export async function evaluateShell(
  context: CommandContext,
  store: Store,
  wanted: WantedShell,
  { storeUri, directory }: ShellPlace,
): Promise<StorePath> {
  const { paths, attributes, lookup, hasPackages, hasExpressions, readsStdin } = wanted;
  const [attribute, ...more] = attributes;
  const isFile = !hasPackages && !hasExpressions && !readsStdin;
  const [file, ...files] = isFile ? filesOf(directory, paths) : [];
  if (file?.startsWith('/') === true && files.length === 0 && more.length === 0) {
    const given = withoutShellFlag(wanted.arguments);
    const words = { file, attribute, arguments: given, lookup, storeUri };
    return await instantiateShell(context, store, words);
  }
  let words: string[];
  if (readsStdin) words = ['-'];
  else if (hasPackages) words = ['-E', packagesExpression(paths)];
  else if (hasExpressions) words = ['-E', ...paths];
  else words = [file ?? '', ...files];
  const flags = [
    ...lookup,
    ...(storeUri === undefined ? [] : ['--store', storeUri]),
    ...wanted.arguments,
    ...attributes.flatMap((name) => ['-A', name]),
  ];
  const what = `${hasPackages || hasExpressions ? 'an expression' : 'a file'} must be evaluated`;
  const text = await runForeignNix(context, what, [...flags, ...words], 'nix-instantiate');
  const [drv = '', ...others] = new Set(text.trim().split('\n'));
  if (others.length > 0) throw nixUsage(PROGRAM, 'nix-shell requires a single derivation');
  // An output that isn't the first one is told of as "x.drv!dev".
  return parseStorePath(store.storeDir, drv.replace(/!.*$/, ''));
}

/** That it is a shell is not for the words to say: nix-shell passes over an argument of that name. */
function withoutShellFlag(words: readonly string[]): string[] {
  return words.filter((_, at) => words[at - (at % 3) + 1] !== 'inNixShell');
}

/** What nix-shell makes of `-p`: an environment that has the packages as its inputs. */
function packagesExpression(packages: readonly string[]): string {
  const list = packages.map((text) => `(${text}) `).join('');
  return `{...}@args: with import <nixpkgs> args; (pkgs.runCommandCC or pkgs.runCommand) "shell" { buildInputs = [ ${list}]; } ""`;
}

/** Of a directory its shell.nix counts, else its default.nix; what isn't a file is searched for by Nix. */
function filesOf(directory: string, paths: readonly string[]): string[] {
  const some = paths.length === 0 ? [directory] : paths;
  return some.map((word) => {
    if (/^<.*>$|^[a-z]+:/.test(word)) return word;
    const path = resolve(directory, word);
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return path;
    const inside = ['shell.nix', 'default.nix']
      .map((name) => join(path, name))
      .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
    if (inside !== undefined) return inside;
    const problem =
      paths.length === 0
        ? "no argument specified and no 'shell.nix' or 'default.nix' file found in the working directory"
        : `neither 'shell.nix' nor 'default.nix' found in '${path}'`;
    throw nixUsage(PROGRAM, problem);
  });
}
