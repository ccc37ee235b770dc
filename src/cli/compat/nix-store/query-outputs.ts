/** The outputs that stand in for derivations in queries. */
import { FerryError } from '../../../error.ts';
import { isDerivation, printStorePath, type StorePath } from '../../../format/store-path.ts';
import { queryValidOutputs } from '../../../store/valid-outputs.ts';
import type { QueryScene } from './query-targets.ts';
import { derivationIn, readValidDerivations } from './read-valid-derivations.ts';

/** @throws why a derivation couldn't be read; FerryError `unsupported` for outputs that have no path yet */
export type OutputsOf = (drv: StorePath) => readonly StorePath[];

/** The valid ones, whatever they are named after. */
export async function builtOutputs(
  { store, call }: QueryScene,
  paths: readonly StorePath[],
): Promise<OutputsOf> {
  const { signal } = call.context;
  const outputs = await queryValidOutputs(store, paths.filter(isDerivation), { signal });
  return (drv) => (outputs.get(drv) ?? []).toSorted();
}

/** Those that the derivation says, built or not. */
export async function promisedOutputs(
  scene: QueryScene,
  paths: readonly StorePath[],
): Promise<OutputsOf> {
  const read = await readValidDerivations(scene, paths.filter(isDerivation));
  return (drv) => {
    const outputs = [...derivationIn(read, drv).outputs].map(([name, output]) => {
      if ('path' in output) return output.path;
      const printed = printStorePath(scene.store.storeDir, drv);
      const problem = `cannot use output "${name}" of "${printed}": its path follows from its contents, and is known once it is built`;
      throw new FerryError('unsupported', problem, { path: printed });
    });
    return [...new Set(outputs)].sort();
  };
}
