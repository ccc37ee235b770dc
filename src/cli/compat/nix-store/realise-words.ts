/** What is to be realised: paths, derivations with all their outputs, or with some of them (`DRV!out,dev`). */
import { FerryError } from '../../../error.ts';
import type { Derivation, DerivationOutput } from '../../../format/derivation.ts';
import {
  isDerivation,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import type { CommandContext } from '../../context.ts';
import { followToStorePath } from './store-path-words.ts';

export interface RealiseWord {
  readonly path: StorePath;
  /** Names, sorted; none are all of a derivation. */
  readonly outputs: readonly string[];
}

/** @throws FerryError `not-found`, `corrupt` for what is no store path */
export function parseRealiseWord(context: CommandContext, store: Store, word: string): RealiseWord {
  const bang = word.indexOf('!');
  const path = followToStorePath(context, store, bang < 0 ? word : word.slice(0, bang));
  const names = bang < 0 ? [] : word.slice(bang + 1).split(',');
  return { path, outputs: [...new Set(names)].filter((name) => name !== '').sort() };
}

/** Whether outputs are meant, rather than the path itself. */
export function isBuilt({ path, outputs }: RealiseWord): boolean {
  return isDerivation(path) || outputs.length > 0;
}

/**
 * The outputs that are meant, as the derivation has them.
 * @throws FerryError `not-found` for one that it doesn't have
 */
export function outputsMeant(
  storeDir: StoreDir,
  { path, outputs: names }: RealiseWord,
  { outputs }: Pick<Derivation, 'outputs'>,
): (readonly [name: string, output: DerivationOutput])[] {
  return (names.length > 0 ? names : [...outputs.keys()]).map((name) => {
    const output = outputs.get(name);
    if (output !== undefined) return [name, output];
    const drv = printStorePath(storeDir, path);
    const problem = `derivation '${drv}' does not have an output named '${name}'`;
    throw new FerryError('not-found', problem, { path: drv });
  });
}
