/** Derivations with all that they are built from, as far as that are derivations too. */
import type { Derivation } from '../format/derivation.ts';
import { isDerivation, type StorePath } from '../format/store-path.ts';
import { parseRead, readDerivationTexts, type DerivationText } from './read-derivations.ts';
import type { CallOptions, Store } from './store.ts';

/** A derivation, and its text where that was asked for. */
export interface ReadDerivation extends DerivationText {
  readonly derivation: Derivation;
}

/**
 * Those that are given and all their inputs: the closure of a `.drv` has the derivations of everything it needs.
 * @param closure all paths that the derivations refer to, as a store knows it; what isn't a derivation is left out
 * @throws FerryError `not-found` where one isn't valid, `corrupt` where one can't be read
 */
export async function readDerivationGraph(
  store: Store,
  closure: Iterable<StorePath>,
  options: CallOptions = {},
): Promise<Map<StorePath, ReadDerivation>> {
  const graph = new Map<StorePath, ReadDerivation>();
  const drvs = [...new Set(closure)].filter(isDerivation);
  for await (const read of readDerivationTexts(store, drvs, options)) {
    graph.set(read.path, { ...read, derivation: parseRead(store, read) });
  }
  return graph;
}
