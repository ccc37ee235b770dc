/** Realising by a daemon: it fetches and builds as its own settings say. */
import { FerryError } from '../../../error.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { DaemonStore } from '../../../store/worker/daemon-store.ts';
import type { DerivedPath } from '../../../wire/worker/derived-path.ts';
import { derivationIn, readValidDerivations } from './read-valid-derivations.ts';
import { isBuilt, outputsMeant, type RealiseWord } from './realise-words.ts';
import type { Realiser } from './realiser.ts';
import type { StoreScene } from './store-scene.ts';

export function realiserByDaemon(scene: StoreScene, store: DaemonStore): Realiser {
  const { signal } = scene.call.context;
  return {
    missing: (words) => store.queryMissing(words.map(targetOf), { signal }),
    realise: (words, mode) => store.buildPaths(words.map(targetOf), { mode, signal }),
    async outputsOf(word) {
      const derivation = derivationIn(await readValidDerivations(scene, [word.path]), word.path);
      const meant = outputsMeant(store.storeDir, word, derivation);
      const outputs = new Map<string, StorePath>();
      let built: ReadonlyMap<string, StorePath> | undefined;
      for (const [name, output] of meant) {
        // Paths that follow from contents only the daemon knows.
        if (!('path' in output)) built ??= await store.queryOutputMap(word.path, { signal });
        const path = 'path' in output ? output.path : built?.get(name);
        if (path === undefined) throw noPath(store, word.path, name);
        outputs.set(name, path);
      }
      return outputs;
    },
  };
}

function noPath({ storeDir, uri }: DaemonStore, drv: StorePath, name: string): FerryError {
  const path = printStorePath(storeDir, drv);
  const problem = `"${uri}" doesn't say what the output "${name}" of "${path}" has become`;
  return new FerryError('not-found', problem, { path, store: uri });
}

function targetOf(word: RealiseWord): DerivedPath {
  const { path, outputs } = word;
  if (!isBuilt(word)) return { kind: 'opaque', path };
  return { kind: 'built', drv: path, outputs: outputs.length > 0 ? outputs : 'all' };
}
