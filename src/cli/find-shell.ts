/** Which derivation a word means whose development shell is asked for. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FerryError } from '../error.ts';
import {
  isDerivation,
  parseStorePath,
  printStorePath,
  type StorePath,
} from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { findForeignNix, runForeignNix } from './compat/nix/foreign-nix.ts';
import { say, type CommandContext } from './context.ts';
import { resolveIn } from './resolve-in-store.ts';
import { listNamedShells, type NamedShell } from './shell-names.ts';

export interface ShellWords {
  readonly word: string | undefined;
  /** The URI of the store, where one was given. */
  readonly storeUri: string | undefined;
}

/**
 * A name that `ferry shell copy` gave, a derivation, a link to one, what was built of one, or a file that the Nix of this
 * machine is asked to evaluate. Without a word: the file in the working directory, or the only name that there is.
 * @throws FerryError `usage`, `not-found`
 */
export async function findShell(
  context: CommandContext,
  store: Store,
  { word, storeUri }: ShellWords,
): Promise<StorePath> {
  const { cwd, env } = context;
  if (word === undefined) return await findWithoutWord(context, store, storeUri);
  const named = word.includes('/')
    ? undefined
    : listNamedShells(env).find(({ name }) => name === word);
  if (named !== undefined) return await derivationAt(context, store, named.link);
  const file = expressionAt(resolve(cwd, word));
  if (file !== undefined) return await instantiate(context, store, file, storeUri);
  return await derivationAt(context, store, word);
}

async function findWithoutWord(
  context: CommandContext,
  store: Store,
  storeUri: string | undefined,
): Promise<StorePath> {
  const { cwd, env } = context;
  const file = expressionAt(cwd);
  const canEvaluate = findForeignNix(env, 'nix-instantiate') !== undefined;
  if (file !== undefined && canEvaluate) {
    return await instantiate(context, store, file, storeUri);
  }
  const shells = listNamedShells(env);
  const [only, ...others] = shells;
  if (only === undefined) {
    if (file !== undefined) return await instantiate(context, store, file, storeUri);
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
  storeUri: string | undefined,
): Promise<StorePath> {
  const what = `"${file}" must be evaluated`;
  if (findForeignNix(context.env, 'nix-instantiate') === undefined) {
    throw new FerryError('not-found', `${what}, and there is no Nix on this machine`, {
      path: file,
      hint: 'where there is one: ferry shell copy shell.nix --to ssh://THIS-MACHINE',
    });
  }
  const where = storeUri === undefined ? [] : ['--store', storeUri];
  const args = [...where, '--arg', 'inNixShell', 'true', file];
  const text = await runForeignNix(context, what, args, 'nix-instantiate');
  const [line = '', ...others] = text.trim().split('\n');
  if (others.length > 0) {
    throw new FerryError(
      'usage',
      `"${file}" has ${others.length + 1} derivations, a shell has one`,
      {
        path: file,
        hint: 'name the derivation: nix-instantiate FILE -A ATTRIBUTE prints it',
      },
    );
  }
  // An output that isn't the first one is told of as "x.drv!dev".
  return parseStorePath(store.storeDir, line.replace(/!.*$/, ''));
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
