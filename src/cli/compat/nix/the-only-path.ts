/** Words that must mean one path. */
import { deriversOf } from '../../../copy/derivers.ts';
import { FerryError } from '../../../error.ts';
import type { StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { findInstallables, pathsOf, type FindOptions } from './installables.ts';
import type { NixCall } from './verb.ts';

/** @throws FerryError `usage` where it means several */
export async function theOnlyPathOf(
  call: NixCall,
  store: Store,
  word: string,
  options: FindOptions = {},
): Promise<StorePath> {
  const found = await findInstallables(call, store, [word], { ...options, storeUri: call.store });
  const paths = pathsOf(found);
  const [path] =
    options.derivation === true ? await deriversOf(store, paths, call.context.signal) : paths;
  if (path !== undefined && paths.length === 1) return path;
  throw new FerryError(
    'usage',
    `argument '${word}' should evaluate to one store path, but there are ${paths.length}`,
  );
}
