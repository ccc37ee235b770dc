/** What a query is about: the words as paths, realised where that is asked for, derivations replaced by their outputs. */
import { FerryError } from '../../../error.ts';
import { isDerivation, type StorePath } from '../../../format/store-path.ts';
import { queryValidOutputs } from '../../../store/valid-outputs.ts';
import { derivationIn, readValidDerivations } from './read-valid-derivations.ts';
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
    const outputsOf = forceRealise
      ? await builtOutputs(scene, paths)
      : await promisedOutputs(scene, paths);
    for (const path of paths) groups.push(isDerivation(path) ? outputsOf(path) : [path]);
  } catch (error) {
    call.context.signal.throwIfAborted();
    failure = { error };
  }
  return { groups, ...(failure && { failure }) };
}

type OutputsOf = (drv: StorePath) => readonly StorePath[];

/** The valid ones, whatever they are named after. */
async function builtOutputs(
  { store, call }: QueryScene,
  paths: readonly StorePath[],
): Promise<OutputsOf> {
  const { signal } = call.context;
  const outputs = await queryValidOutputs(store, paths.filter(isDerivation), { signal });
  return (drv) => (outputs.get(drv) ?? []).toSorted();
}

/** Those that the derivation says, built or not. */
async function promisedOutputs(scene: QueryScene, paths: readonly StorePath[]): Promise<OutputsOf> {
  const read = await readValidDerivations(scene, paths.filter(isDerivation));
  return (drv) => {
    const outputs = [...derivationIn(read, drv).outputs.values()].map((output) => {
      if ('path' in output) return output.path;
      throw new FerryError(
        'unsupported',
        'cannot use an output path of a floating content-addressing derivation until it is known, by building it',
        { path: drv },
      );
    });
    return [...new Set(outputs)].sort();
  };
}

/** All paths of the groups. @throws what failed: of some queries nothing is printed then. */
export function pathsOfTargets({ groups, failure }: QueryTargets): StorePath[] {
  if (failure !== undefined) throw failure.error;
  return groups.flat();
}
