/** The derivations that words of the command line mean: themselves, or those that built the paths that are named. */
import { computeClosure } from '../copy/closure.ts';
import { deriversOf } from '../copy/derivers.ts';
import { FerryError } from '../error.ts';
import { isDerivation, printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { parseRealiseWord } from './realise-targets.ts';

export interface DerivationWords {
  /** Each once. */
  readonly drvs: readonly StorePath[];
  /** With all that they are built from, each once, if that was asked for: else the same. */
  readonly all: readonly StorePath[];
}

/**
 * @param words `DRV`, `DRV^OUTPUTS`, and outputs
 * @throws FerryError `not-found` where nobody knows the deriver of a path, or it is not in the store
 */
export async function derivationsOfWords(
  context: CommandContext,
  store: Store,
  words: readonly string[],
  { recursive }: { readonly recursive: boolean },
): Promise<DerivationWords> {
  const { signal } = context;
  const named = words.map((word) => parseRealiseWord(context, store, word).path);
  return await withInputs(store, await deriversOf(store, named, signal), { recursive, signal });
}

/** @throws FerryError `not-found` where one is not in the store */
export async function withInputs(
  store: Store,
  derivers: readonly StorePath[],
  { recursive, signal }: { readonly recursive: boolean; readonly signal: AbortSignal },
): Promise<DerivationWords> {
  const drvs = [...new Set(derivers)];
  const valid = await store.queryValidPaths(drvs, { signal });
  const missing = drvs.find((drv) => !valid.has(drv));
  if (missing !== undefined) {
    const printed = printStorePath(store.storeDir, missing);
    throw new FerryError('not-found', `derivation "${printed}" is not in "${store.uri}"`, {
      path: printed,
      store: store.uri,
    });
  }
  if (!recursive) return { drvs, all: drvs };
  const closure = await computeClosure(store, drvs, { signal });
  return { drvs, all: [...closure.keys()].filter(isDerivation) };
}
