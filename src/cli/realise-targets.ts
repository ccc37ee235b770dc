/** What `ferry realise` is asked for: paths, and outputs of derivations. */
import { readDerivation } from '../store/read-derivations.ts';
import { FerryError } from '../error.ts';
import { isDerivation, printStorePath, type StorePath } from '../format/store-path.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { resolveIn } from './resolve-in-store.ts';

export interface RealiseTarget {
  readonly path: StorePath;
  /** What is put behind the name of a root for it, as Nix does: `-dev` for such an output, else nothing. */
  readonly suffix: string;
}

/** The targets of one word: they share a root's name. */
export type RealiseTargets = readonly RealiseTarget[];

/** What a word says before any store is asked. */
export interface RealiseWord {
  readonly path: StorePath;
  /** Names of outputs; `*` is all of them; undefined is the path itself. */
  readonly outputs?: '*' | readonly string[] | undefined;
}

/** `PATH`, `DRV^out,dev`, `DRV^*`, and with `!` instead of `^`. A derivation alone means all its outputs. */
export function parseRealiseWord(context: CommandContext, store: Store, word: string): RealiseWord {
  const match = /^(.+)[!^]([^!/^]+)$/.exec(word);
  const { path } = resolveIn(context, store, match?.[1] ?? word);
  if (isDerivation(path)) {
    const names = match?.[2] ?? '*';
    return { path, outputs: names === '*' ? names : [...new Set(names.split(','))] };
  }
  if (match === null) return { path };
  const printed = printStorePath(store.storeDir, path);
  throw new FerryError('usage', `"${printed}" has no outputs: it is not a derivation`, {
    path: printed,
  });
}

/** @throws FerryError `not-found` for an output that it doesn't have, `unsupported` for one whose path nobody knows yet. */
export async function findTargets(
  store: Store,
  { path, outputs: wanted }: RealiseWord,
  signal: AbortSignal,
): Promise<RealiseTargets> {
  if (wanted === undefined) return [{ path, suffix: '' }];
  const { outputs } = await readDerivation(store, path, { signal });
  const printed = printStorePath(store.storeDir, path);
  const names = wanted === '*' ? [...outputs.keys()] : wanted;
  return [...names].sort().map((name) => {
    const output = outputs.get(name);
    if (output === undefined) {
      throw new FerryError('not-found', `derivation "${printed}" has no output "${name}"`, {
        path: printed,
        hint: `it has ${[...outputs.keys()].join(', ')}`,
      });
    }
    if (!('path' in output)) {
      throw new FerryError('unsupported', `output "${name}" of "${printed}" has no path yet`, {
        path: printed,
        hint: 'its path follows from its contents: name the path itself',
      });
    }
    return { path: output.path, suffix: name === 'out' ? '' : `-${name}` };
  });
}
