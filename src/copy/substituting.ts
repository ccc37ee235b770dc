/**
 * A store that fetches what it lacks from substituters when it is told to, for stores that can't do so by themselves:
 * those on this machine, which ferry writes.
 */
import type { StorePath } from '../format/store-path.ts';
import type { Store, StoreFeature } from '../store/store.ts';
import { overriding } from '../store/wrap/overriding.ts';
import type { SubstituterStore } from '../store/wrap/substituters.ts';
import type { CopyEvent, OnCopyEvent } from './events.ts';
import { realiseWhatCanBe, type RealiseOptions } from './realise.ts';

export interface SubstitutingOptions {
  /** Told `path-substituted` of each path that was fetched. */
  readonly onEvent?: OnCopyEvent | undefined;
  readonly onWarning?: RealiseOptions['onWarning'];
}

/**
 * The store with the feature `substitute`: `queryValidPaths` then first realises those of the paths that can be. That a
 * substituter is dead, or none has them, is no error.
 * @param open called when it is first needed; what it gives stays the caller's.
 */
export function substituting<Wrapped extends Store>(
  store: Wrapped,
  open: () => SubstituterStore,
  { onEvent, onWarning }: SubstitutingOptions = {},
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
      await realiseWhatCanBe(store, opened, missing, {
        signal,
        onEvent: onEvent && tellSubstituted(opened, onEvent),
        onWarning,
        keepGoing: true,
      });
      return store.queryValidPaths(asked, { hold, signal });
    },
  });
}

/** For whom it is a step on the way to something else: one event for each path, in place of a copy's own. */
function tellSubstituted(
  substituters: SubstituterStore,
  onEvent: OnCopyEvent,
): (event: CopyEvent) => void {
  const sizes = new Map<StorePath, number>();
  return (event) => {
    if (event.type === 'path-start') sizes.set(event.path, event.narSize);
    if (event.type !== 'path-done') return;
    const { path } = event;
    const from = substituters.sourceOf(path)?.uri ?? substituters.uri;
    onEvent({ type: 'path-substituted', path, narSize: sizes.get(path) ?? 0, from });
  };
}
