/** `nix-store --query --roots`: what keeps paths from being collected as garbage. */
import { isDerivation, printStorePath, type StorePath } from '../../../format/store-path.ts';
import { queryValidOutputs } from '../../../store/valid-outputs.ts';
import { requireDatabaseStore } from '../../as-daemon-store.ts';
import { printPieces } from '../../print-pieces.ts';
import { findQueryTargets, pathsOfTargets, type QueryScene } from './query-targets.ts';
import { referrersClosure } from './query-sets.ts';

/** Roots that reach one of the paths, through references and through what the settings have the collector keep. */
export async function printRootsOf(scene: QueryScene): Promise<void> {
  const { session, call } = scene;
  const { signal, stdout } = call.context;
  const store = requireDatabaseStore(scene.store, 'find the roots of');
  const { keepOutputs, keepDerivations } = session.settings;
  const paths = pathsOfTargets(await findQueryTargets(scene));
  const holders = await referrersClosure(store, paths, signal, async (level) => {
    const further: StorePath[] = [];
    // An output is kept by a derivation that is reached, or a derivation by an output of it.
    if (keepOutputs) {
      for (const some of (await store.queryDerivers(level, { signal })).values())
        further.push(...some);
    }
    if (keepDerivations) {
      const outputs = await queryValidOutputs(store, level.filter(isDerivation), { signal });
      for (const some of outputs.values()) further.push(...some);
    }
    return further;
  });
  const lines: string[] = [];
  for (const { link, target } of await store.findRoots({ signal })) {
    if (holders.has(target)) lines.push(`${link} -> ${printStorePath(store.storeDir, target)}\n`);
  }
  await printPieces(stdout, lines.sort());
}
