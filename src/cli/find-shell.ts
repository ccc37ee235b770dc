/** Which derivation a word means whose development shell is asked for. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FerryError, isFerryError } from '../error.ts';
import { isDerivation, printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { findForeignNix } from './compat/nix/foreign-nix.ts';
import { say, type CommandContext } from './context.ts';
import type { ShellExpression } from './instantiate-shell.ts';
import { resolveIn } from './resolve-in-store.ts';
import { listNamedShells, type NamedShell } from './shell-names.ts';

export interface ShellWords {
  readonly word: string | undefined;
  /** The URI of the store, where one was given. */
  readonly storeUri: string | undefined;
  /** How a file is evaluated; only for files. */
  readonly expression?: Omit<ShellExpression, 'file' | 'storeUri'> | undefined;
}

/**
 * A name that `ferry shell copy` gave, a derivation, a link to one, what was built of one, or a file that the Nix of this
 * machine is asked to evaluate. Without a word: the file in the working directory, or the only name that there is.
 * @throws FerryError `usage`, `not-found`
 */
export async function findShell(
  context: CommandContext,
  store: Store,
  words: ShellWords,
): Promise<StorePath> {
  const { cwd, env } = context;
  const { word } = words;
  if (word === undefined) return await findWithoutWord(context, store, words);
  const shells = word.includes('/') ? [] : listNamedShells(env);
  const named = shells.find(({ name }) => name === word);
  if (named !== undefined) return await derivationAt(context, store, named.link);
  const file = expressionAt(resolve(cwd, word));
  if (file !== undefined) return await instantiate(context, store, file, words);
  try {
    return await derivationAt(context, store, word);
  } catch (error) {
    if (!isFerryError(error, 'not-found') || /[/.]/.test(word)) throw error;
    throw noSuchShell(word, shells, error);
  }
}

function noSuchShell(word: string, shells: readonly NamedShell[], cause: unknown): FerryError {
  const message = `"${word}" is neither a shell that was copied here, nor a file, nor a store path`;
  const names = shells.map(({ name }) => `"${name}"`).join(', ');
  return new FerryError('not-found', message, {
    cause,
    hint:
      names === ''
        ? 'no shell was copied here: ferry shell copy shell.nix --to ssh://THIS-MACHINE'
        : `there is ${names}`,
  });
}

async function findWithoutWord(
  context: CommandContext,
  store: Store,
  words: ShellWords,
): Promise<StorePath> {
  const { cwd, env } = context;
  const file = expressionAt(cwd);
  const canEvaluate = findForeignNix(env, 'nix-instantiate') !== undefined;
  if (file !== undefined && canEvaluate) {
    return await instantiate(context, store, file, words);
  }
  const shells = listNamedShells(env);
  const [only, ...others] = shells;
  if (only === undefined) {
    if (file !== undefined) return await instantiate(context, store, file, words);
    throw new FerryError('usage', 'there is no shell.nix here, and no shell was copied here', {
      hint: 'name a derivation, or copy a shell here: ferry shell copy shell.nix --to ssh://THIS-MACHINE',
    });
  }
  if (others.length > 0) throw severalShells(shells);
  await say(context, `entering "${only.name}", the shell that was copied here`);
  return await derivationAt(context, store, only.link);
}

function severalShells(shells: readonly NamedShell[]): FerryError {
  const names = shells.map(({ name }) => `"${name}"`).join(', ');
  return new FerryError('usage', `which shell is meant: ${names}`, {
    hint: `ferry shell ${shells[0]?.name ?? 'NAME'}`,
  });
}

/** A file of the Nix language, or that of a directory which nix-shell would take. */
function expressionAt(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() === true) return path.endsWith('.nix') ? path : undefined;
  if (stat?.isDirectory() !== true) return undefined;
  return ['shell.nix', 'default.nix']
    .map((name) => join(path, name))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);
}

async function instantiate(
  context: CommandContext,
  store: Store,
  file: string,
  { storeUri, expression }: ShellWords,
): Promise<StorePath> {
  if (findForeignNix(context.env, 'nix-instantiate') === undefined) {
    throw new FerryError(
      'not-found',
      `"${file}" must be evaluated, and there is no Nix on this machine`,
      {
        path: file,
        hint: 'where there is one: ferry shell copy shell.nix --to ssh://THIS-MACHINE',
      },
    );
  }
  const { instantiateShell } = await import('./instantiate-shell.ts');
  return await instantiateShell(context, store, { ...expression, file, storeUri });
}

async function derivationAt(
  context: CommandContext,
  store: Store,
  word: string,
): Promise<StorePath> {
  const { path } = resolveIn(context, store, word);
  if (isDerivation(path)) return path;
  const { deriver } =
    (await store.queryPathInfos([path], { signal: context.signal })).get(path) ?? {};
  if (deriver !== undefined) return deriver;
  const printed = printStorePath(store.storeDir, path);
  throw new FerryError('usage', `"${printed}" is no derivation, and nobody knows what built it`, {
    path: printed,
    hint: 'name the derivation itself: …-name.drv',
  });
}
