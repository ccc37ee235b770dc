/** Queries whose answer is one set for all words: references and referrers, closures, derivers. */
import { loadReferenceGraph } from '../../../copy/reference-graph.ts';
import { topologicalOrder, type ReferenceGraph } from '../../../format/reference-graph.ts';
import type { StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import {
  asDatabaseStore,
  requireDatabaseStore,
  type DatabaseStore,
} from '../../as-daemon-store.ts';
import { say } from '../../context.ts';
import { printPieces } from '../../print-pieces.ts';
import { graphWithin } from './order-of-set.ts';
import { findQueryTargets, pathsOfTargets, type QueryScene } from './query-targets.ts';
import { requireInfo } from './require-info.ts';
import { followWords } from './store-path-words.ts';

/** `--requisites` */
export async function printRequisites(scene: QueryScene): Promise<void> {
  const { store, includeOutputs, call } = scene;
  const { signal } = call.context;
  const roots = pathsOfTargets(await findQueryTargets(scene));
  const graph = await loadReferenceGraph(store, roots, { includeOutputs, signal });
  await printInOrder(scene, graph);
}

/** `--references` */
export async function printReferences(scene: QueryScene): Promise<void> {
  const { store, call } = scene;
  const paths = pathsOfTargets(await findQueryTargets(scene));
  const infos = await store.queryPathInfos(paths, call.context);
  const references = paths.flatMap((path) => requireInfo(store, infos, path).references);
  await printSet(scene, new Set(references));
}

/** `--referrers`: what isn't valid has none. */
export async function printReferrers(scene: QueryScene): Promise<void> {
  const store = requireDatabaseStore(scene.store, 'find referrers in');
  const paths = pathsOfTargets(await findQueryTargets(scene));
  const referrers = await store.queryReferrers(paths, scene.call.context);
  await printSet(scene, new Set([...referrers.values()].flat()));
}

/** `--referrers-closure`: with the paths themselves, valid or not. */
export async function printReferrersClosure(scene: QueryScene): Promise<void> {
  const store = requireDatabaseStore(scene.store, 'find referrers in');
  const paths = pathsOfTargets(await findQueryTargets(scene));
  await printSet(scene, await referrersClosure(store, paths, scene.call.context.signal));
}

/** `--valid-derivers`: a store that can't tell has none, as in Nix; here that is said. */
export async function printValidDerivers(scene: QueryScene): Promise<void> {
  const { context } = scene.call;
  const { paths, failure } = followWords(context, scene.store, scene.words);
  if (failure !== undefined) throw failure.error;
  const store = asDatabaseStore(scene.store);
  if (store === undefined) {
    await say(context, `warning: "${scene.store.uri}" can't tell which derivers are valid there`);
    return;
  }
  const derivers = await store.queryDerivers(paths, context);
  await printSet(scene, new Set([...derivers.values()].flat()));
}

/**
 * All that needs one of the paths, and the paths themselves.
 * @param further what else leads from some paths to others, `undefined` for nothing
 */
export async function referrersClosure(
  store: DatabaseStore,
  paths: readonly StorePath[],
  signal: AbortSignal,
  further?: (level: readonly StorePath[]) => Promise<Iterable<StorePath>>,
): Promise<Set<StorePath>> {
  const closure = new Set(paths);
  for (let level = [...closure]; level.length > 0; ) {
    const next: StorePath[] = [];
    const meet = (path: StorePath): void => {
      if (closure.has(path)) return;
      closure.add(path);
      next.push(path);
    };
    for (const some of (await store.queryReferrers(level, { signal })).values()) some.forEach(meet);
    for (const path of (await further?.(level)) ?? []) meet(path);
    level = next;
  }
  return closure;
}

/** Each after what it refers to, as far as that is in the set. */
async function printSet(scene: QueryScene, set: ReadonlySet<StorePath>): Promise<void> {
  const infos = await scene.store.queryPathInfos(set, scene.call.context);
  await printInOrder(scene, graphWithin(set, infos));
}

async function printInOrder({ call, store }: QueryScene, graph: ReferenceGraph): Promise<void> {
  await printPieces(call.context.stdout, linesOf(store, graph));
}

function* linesOf({ storeDir }: Store, graph: ReferenceGraph): Generator<string> {
  for (const n of topologicalOrder(graph)) yield `${storeDir}/${graph.paths[n]}\n`;
}
