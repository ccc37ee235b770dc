/**
 * The derivation of a development shell out of a file of the Nix language, evaluated by the Nix of this machine as
 * nix-shell does it: IN_NIX_SHELL is set, and a function that takes `inNixShell` is told that it is one.
 */
import { FerryError } from '../error.ts';
import { isDerivation, parseStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import { runForeignNix } from './compat/nix/foreign-nix.ts';
import type { CommandContext } from './context.ts';

export interface ShellExpression {
  /** In full. */
  readonly file: string;
  /** Which attribute of it: `shells.default`. */
  readonly attribute?: string | undefined;
  /** `--arg NAME EXPRESSION` and `--argstr NAME TEXT`, as words. */
  readonly arguments?: readonly string[] | undefined;
  /** `-I PATH`, as words. */
  readonly lookup?: readonly string[] | undefined;
  /** Into which store, as `--store` would say it; by default the one that Nix takes itself. */
  readonly storeUri?: string | undefined;
}

/** The name of the file is an argument: no text has to be quoted for it. */
const TAKES_FLAG =
  '{ file }: let e = import (/. + file); in builtins.isFunction e && builtins.functionArgs e ? inNixShell';

/** @throws FerryError `not-found` without a Nix, `failed` where it fails, `usage` where there are several */
export async function instantiateShell(
  context: CommandContext,
  store: Store,
  { file, attribute, arguments: given = [], lookup = [], storeUri }: ShellExpression,
): Promise<StorePath> {
  const { env } = context;
  const variables = { ...env.variables, IN_NIX_SHELL: 'impure' };
  const inShell = { ...context, env: { ...env, variables } };
  const what = `"${file}" must be evaluated`;
  const common = [...lookup, ...(storeUri === undefined ? [] : ['--store', storeUri])];
  const evaluate = ['--eval', '-E', TAKES_FLAG, '--argstr', 'file', file, ...common];
  const answer = await runForeignNix(inShell, what, evaluate, 'nix-instantiate');
  const flag = answer.trim() === 'true' && !isGiven(given) ? ['--arg', 'inNixShell', 'true'] : [];
  const attributes = attribute === undefined ? [] : ['--attr', attribute];
  const words = ['--no-gc-warning', file, ...attributes, ...flag, ...given, ...common];
  const text = await runForeignNix(inShell, what, words, 'nix-instantiate');
  const [drv, ...others] = new Set(text.split('\n').filter((line) => line !== ''));
  if (drv === undefined || others.length > 0) {
    const count = drv === undefined ? 'no derivation' : `${others.length + 1} derivations`;
    throw new FerryError('usage', `a shell is one derivation, and "${file}" has ${count}`, {
      path: file,
      ...(drv === undefined
        ? {}
        : { hint: 'name the derivation, or choose one where there is --attr' }),
    });
  }
  // An output that isn't the first one is told of as "x.drv!dev".
  return derivationOf(store, drv.split('!')[0] ?? '');
}

/** The person says it otherwise. */
function isGiven(words: readonly string[]): boolean {
  return words.some(
    (word, at) => word === 'inNixShell' && /^--arg(str)?$/.test(words[at - 1] ?? ''),
  );
}

function derivationOf({ storeDir }: Store, text: string): StorePath {
  const wrong = (cause?: unknown): FerryError =>
    new FerryError('protocol', `cannot read what Nix answered: "${text.slice(0, 300)}"`, { cause });
  let path: StorePath;
  try {
    path = parseStorePath(storeDir, text);
  } catch (cause) {
    throw wrong(cause);
  }
  if (!isDerivation(path)) throw wrong();
  return path;
}
