/** Who makes paths valid: a daemon, which also builds, or ferry itself, which fetches. */
import type { StorePath } from '../../../format/store-path.ts';
import type { BuildMode } from '../../../wire/worker/build.ts';
import type { MissingAnswer } from '../../../wire/worker/substitutes.ts';
import { asDaemonStore } from '../../as-daemon-store.ts';
import type { RealiseWord } from './realise-words.ts';
import type { StoreScene } from './store-scene.ts';

export interface Realiser {
  /** What would have to be built and fetched. Of a derivation that isn't valid nobody knows. */
  missing(words: readonly RealiseWord[]): Promise<MissingAnswer>;
  /** All of them side by side. @throws for the first that can't be had */
  realise(words: readonly RealiseWord[], mode: BuildMode): Promise<void>;
  /** What a derivation that was realised is now, by the names of outputs. */
  outputsOf(word: RealiseWord): Promise<ReadonlyMap<string, StorePath>>;
}

export async function makeRealiser(scene: StoreScene): Promise<Realiser> {
  const daemon = asDaemonStore(scene.store);
  if (daemon !== undefined) {
    const { realiserByDaemon } = await import('./realiser-by-daemon.ts');
    return realiserByDaemon(scene, daemon);
  }
  const { realiserBySubstituters } = await import('./realiser-by-substituters.ts');
  return realiserBySubstituters(scene);
}
