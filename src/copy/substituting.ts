/**
 * A store that fetches what it lacks from substituters when it is told to, for stores that can't do so by themselves:
 * those on this machine, which ferry writes.
 */
import type { StorePath } from '../format/store-path.ts';
import type { Store, StoreFeature } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import type { SubstituterStore } from '../store/wrap/substituters.ts';
import { realiseWhatCanBe, type RealiseOptions } from './realise.ts';

/**
 * The store with the feature `substitute`: `queryValidPaths` then first realises those of the paths that can be. That a
 * substituter is dead, or none has them, is no error.
 * @param open called when it is first needed; what it gives stays the caller's.
 */
export function substituting<Wrapped extends Store>(
  store: Wrapped,
  open: () => SubstituterStore,
  options: Pick<RealiseOptions, 'onEvent' | 'onWarning'> = {},
): Wrapped {
  if (store.addPaths === undefined || store.features.has('substitute')) return store;
  let opened: SubstituterStore | undefined;
  const features: ReadonlySet<StoreFeature> = new Set([...store.features, 'substitute']);
  return overriding(store, {
    features,
    async queryValidPaths(paths, { substitute = false, hold, signal } = {}) {
      const asked: StorePath[] = [...paths];
      const valid = await store.queryValidPaths(asked, { hold, signal });
      const missing = asked.filter((path) => !valid.has(path));
      if (!substitute || missing.length === 0) return valid;
      opened ??= open();
      await realiseWhatCanBe(store, opened, missing, { ...options, signal, keepGoing: true });
      return store.queryValidPaths(asked, { hold, signal });
    },
  });
}
