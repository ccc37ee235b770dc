/** What Nix does before it copies: paths that the source lacks are fetched from its substituters. */
import { realiseWhatCanBe } from '../../../copy/realise.ts';
import { FerryError } from '../../../error.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { asLocalStore } from '../../as-local-store.ts';
import { printable } from '../../errors.ts';
import { joinConfigured } from '../../join-substituters.ts';
import type { Session } from '../../session.ts';
import type { NixCall } from './verb.ts';

/** @throws FerryError `not-found` naming the first that nobody has */
export async function substituteMissing(
  { context }: NixCall,
  session: Session,
  store: Store,
  paths: readonly StorePath[],
): Promise<void> {
  const { signal } = context;
  const valid = await store.queryValidPaths(paths, { signal });
  const missing = paths.filter((path) => !valid.has(path));
  const [first] = missing;
  if (first === undefined) return;
  const { substitute, substituters } = session.settings;
  if (asLocalStore(store) !== undefined && substitute && substituters.length > 0) {
    await using joined = joinConfigured(session, store);
    const { failures } = await realiseWhatCanBe(store, joined, missing, {
      signal,
      onWarning: (message) => session.onLine(printable(`warning: ${message}`)),
    });
    for (const failure of failures.values()) throw failure;
    return;
  }
  const printed = printStorePath(store.storeDir, first);
  throw new FerryError(
    'not-found',
    `path '${printed}' is required, but there is no substituter that can build it`,
    { path: printed, store: store.uri },
  );
}
