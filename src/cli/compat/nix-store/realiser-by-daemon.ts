/** Realising by a daemon: it fetches and builds as its own settings say. */
import type { DaemonStore } from '../../../store/worker/daemon-store.ts';
import type { DerivedPath } from '../../../wire/worker/derived-path.ts';
import { isBuilt, type RealiseWord } from './realise-words.ts';
import type { Realiser } from './realiser.ts';
import type { StoreScene } from './store-scene.ts';

export function realiserByDaemon({ call }: StoreScene, store: DaemonStore): Realiser {
  const { signal } = call.context;
  return {
    missing: (words) => store.queryMissing(words.map(targetOf), { signal }),
    realise: (words, mode) => store.buildPaths(words.map(targetOf), { mode, signal }),
  };
}

function targetOf(word: RealiseWord): DerivedPath {
  const { path, outputs } = word;
  if (!isBuilt(word)) return { kind: 'opaque', path };
  return { kind: 'built', drv: path, outputs: outputs.length > 0 ? outputs : 'all' };
}
