/** `nix-store --realise --repair`: what paths are made of is made good from substituters. */
import { computeClosure } from '../../../copy/closure.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import { requireLocalStore } from '../../as-local-store.ts';
import { say } from '../../context.ts';
import { repairAsNix } from '../nix/repair-as-nix.ts';
import type { StoreScene } from './store-scene.ts';

/**
 * Looks at the contents of valid paths and all that they refer to, and repairs those that are broken.
 * @throws FerryError `unsupported` for a store that isn't on this machine; why a path could not be repaired
 */
export async function repairClosures(
  { call, session, store }: StoreScene,
  paths: readonly StorePath[],
): Promise<void> {
  const { context } = call;
  const { signal } = context;
  const local = requireLocalStore(store, 'repair paths of');
  const closure = [...(await computeClosure(local, paths, { signal })).keys()].sort();
  for (const path of closure) {
    await say(context, `checking path '${printStorePath(store.storeDir, path)}'...`);
  }
  const broken: StorePath[] = [];
  let failure: unknown;
  await local.verifyPaths(closure, {
    checkContents: true,
    signal,
    onResult(result) {
      if (result.state === 'failed') failure ??= result.error;
      else if (result.state !== 'whole') broken.push(result.path);
    },
  });
  if (failure !== undefined) throw failure;
  await repairAsNix(session, store, broken.sort());
}
