/** The store that `bundle:///FILE` names: a bundle, or by any part or by what parts have in common, one that was split. */
import { isAbsolute, normalize } from 'node:path';
import { FerryError } from '../../error.ts';
import { openBundleStore, type BundleStore } from './bundle-store.ts';

/** @throws FerryError `usage` where it isn't absolute; what `openBundleStore` throws */
export async function openBundleUri(path: string): Promise<BundleStore> {
  if (!isAbsolute(path)) {
    throw new FerryError('usage', `"bundle://${path}" does not name an absolute path`, {
      hint: 'a bundle is written bundle:///FILE',
    });
  }
  return await openBundleStore([normalize(path)]);
}
