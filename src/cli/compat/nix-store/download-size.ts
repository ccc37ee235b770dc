/** What a plan takes to download, where the substituters say how large the files are that they have NARs in. */
import type { RealisationPlan } from '../../../copy/realise-plan.ts';
import { uriWithoutSecrets } from '../../../config/uri-without-secrets.ts';
import type { StorePath } from '../../../format/store-path.ts';
import { readFileInfos } from '../nix/read-file-infos.ts';
import type { StoreScene } from './store-scene.ts';

/** Bytes; what isn't known counts as nothing, as in Nix. */
export async function downloadSizeOf(
  { session, call }: StoreScene,
  { sources }: RealisationPlan,
): Promise<number> {
  const { signal } = call.context;
  const bySource = Map.groupBy(sources, ([, { uri }]) => uri);
  let total = 0;
  for (const configured of session.settings.substituters) {
    const paths = bySource.get(uriWithoutSecrets(configured))?.map(([path]): StorePath => path);
    if (paths === undefined) continue;
    try {
      // Its narinfos are remembered since the plan was made.
      const files = await readFileInfos(await session.open(configured), paths, signal);
      for (const { fileSize = 0 } of files.values()) total += fileSize;
    } catch {
      // One that has died since is told of when something is fetched from it.
      signal.throwIfAborted();
    }
  }
  return total;
}
