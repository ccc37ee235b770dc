/**
 * What the URI of a store says of it as a substituter: `priority`, `want-mass-query`, `trusted`. Every kind of store may
 * have them (Nix manual, "Store Types"); they win over what the store says of itself.
 */
import { booleanParameter, numberParameter, type Parameters } from '../../config/store-uri.ts';
import type { Store, SubstituterTraits } from '../store.ts';
import { overriding } from './overriding.ts';

export const substituterParameters: readonly string[] = ['priority', 'want-mass-query', 'trusted'];

/** As Nix has it for stores that don't say. */
export const defaultTraits: SubstituterTraits = {
  priority: 0,
  wantMassQuery: false,
  isTrusted: false,
};

/**
 * What makes a store one with these parameters; it is left as it is where they say nothing of it.
 * @throws FerryError `usage` for a value that is none, at once: then no store need be opened.
 */
export function substituterParametersOf(parameters: Parameters): (store: Store) => Store {
  if (!substituterParameters.some((name) => parameters.has(name))) return (store) => store;
  const priority = numberParameter(parameters, 'priority');
  const wantMassQuery = booleanParameter(parameters, 'want-mass-query');
  const isTrusted = booleanParameter(parameters, 'trusted');
  return (store) =>
    overriding(store, {
      // Asked each time: a cache knows itself only once it has been reached.
      get substituter(): SubstituterTraits {
        const own = store.substituter ?? defaultTraits;
        return {
          priority: priority ?? own.priority,
          wantMassQuery: wantMassQuery ?? own.wantMassQuery,
          isTrusted: isTrusted ?? own.isTrusted,
        };
      },
    });
}
