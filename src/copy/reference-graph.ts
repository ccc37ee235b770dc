/** The references of a closure, from any store: of one on this machine without the infos, which cost the most. */
import { graphOfInfos, type ReferenceGraph } from '../format/reference-graph.ts';
import type { StorePath } from '../format/store-path.ts';
import type { ClosureOptions, Store } from '../store/store.ts';
import { computeClosure } from './closure.ts';

/** @throws FerryError `not-found` naming a root that is not valid. */
export async function loadReferenceGraph(
  store: Store,
  roots: readonly StorePath[],
  options: ClosureOptions = {},
): Promise<ReferenceGraph> {
  if (store.queryReferenceGraph !== undefined) {
    return await store.queryReferenceGraph(roots, options);
  }
  return graphOfInfos(await computeClosure(store, roots, options));
}
