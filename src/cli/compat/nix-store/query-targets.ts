/** What a query is about: the words as paths, realised where that is asked for, derivations replaced by their outputs. */
import { isDerivation, type StorePath } from '../../../format/store-path.ts';
import { followWords } from './store-path-words.ts';
import type { StoreScene } from './store-scene.ts';

export interface QueryScene extends StoreScene {
  readonly words: readonly string[];
  /** `--use-output`: the outputs of derivations stand in for them. */
  readonly useOutput: boolean;
  /** `--force-realise`: they are realised first. */
  readonly forceRealise: boolean;
  readonly includeOutputs: boolean;
  /** For `--binding`. */
  readonly bindingName: string;
}

/**
 * For each word the paths that stand for it, sorted. Where one of them fails, those before it are there all the same:
 * Nix has printed them by then.
 */
export interface QueryTargets {
  readonly groups: readonly (readonly StorePath[])[];
  readonly failure?: { readonly error: unknown };
}

export async function findQueryTargets(
  scene: QueryScene,
  useOutput: boolean = scene.useOutput,
): Promise<QueryTargets> {
  const { store, call, words, forceRealise } = scene;
  const followed = followWords(call.context, store, words);
  let { paths } = followed;
  let failure: QueryTargets['failure'] = followed.failure;
  if (forceRealise) {
    const { realiseForQuery } = await import('./realise.ts');
    const done = await realiseForQuery(scene, paths);
    if (done.failure !== undefined) ({ paths, failure } = done);
  }
  if (!useOutput) return { groups: paths.map((path) => [path]), ...(failure && { failure }) };
  const groups: (readonly StorePath[])[] = [];
  try {
    const { builtOutputs, promisedOutputs } = await import('./query-outputs.ts');
    const outputsOf = await (forceRealise ? builtOutputs : promisedOutputs)(scene, paths);
    for (const path of paths) groups.push(isDerivation(path) ? outputsOf(path) : [path]);
  } catch (error) {
    call.context.signal.throwIfAborted();
    failure = { error };
  }
  return { groups, ...(failure && { failure }) };
}

/** All paths of the groups. @throws what failed: of some queries nothing is printed then. */
export function pathsOfTargets({ groups, failure }: QueryTargets): StorePath[] {
  if (failure !== undefined) throw failure.error;
  return groups.flat();
}
