/** The valid outputs of derivations. Caches and the like keep no list of them: there the derivations are read. */
import { isDerivation, type StorePath } from '../format/store-path.ts';
import { readDerivations, type DerivationSource } from './read-derivations.ts';
import type { CallOptions, Store } from './store.ts';

/** Derivations that aren't valid or have no valid outputs give none. */
export async function queryValidOutputs(
  store: DerivationSource & Pick<Store, 'queryOutputs'>,
  drvs: Iterable<StorePath>,
  options: CallOptions = {},
): Promise<Map<StorePath, StorePath[]>> {
  return store.queryOutputs === undefined
    ? await readValidOutputs(store, drvs, options)
    : await store.queryOutputs(drvs, options);
}

/** The same for a store that can't be asked. @throws FerryError `corrupt` for what is no derivation */
export async function readValidOutputs(
  store: DerivationSource,
  drvs: Iterable<StorePath>,
  { signal }: CallOptions = {},
): Promise<Map<StorePath, StorePath[]>> {
  const valid = [...(await store.queryValidPaths([...drvs].filter(isDerivation), { signal }))];
  const promised = new Map<StorePath, StorePath[]>();
  let next = 0;
  for await (const { outputs } of readDerivations(store, valid, { signal })) {
    const paths = [...outputs.values()].flatMap((output) => ('path' in output ? output.path : []));
    promised.set(valid[next++] as StorePath, paths);
  }
  const there = await store.queryValidPaths([...promised.values()].flat(), { signal });
  const outputs = new Map<StorePath, StorePath[]>();
  for (const [drv, paths] of promised) {
    const some = paths.filter((path) => there.has(path)).sort();
    if (some.length > 0) outputs.set(drv, some);
  }
  return outputs;
}
