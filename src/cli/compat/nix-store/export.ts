/** `nix-store --export`: just these paths, references first, to stdout. */
import { exportPaths } from '../../../copy/export-paths.ts';
import { sortTopologically } from '../../../copy/order.ts';
import { FerryError } from '../../../error.ts';
import type { PathInfo } from '../../../format/path-info.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { openSession } from '../../session.ts';
import { requireKnownFlags, type NixStoreOperation } from './operation.ts';
import { followToStorePath } from './store-path-words.ts';

export const exportOperation: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags);
    const { stdout, signal } = context;
    await using session = openSession(context);
    const store = await session.open(uri);
    const paths = new Set(words.map((word) => followToStorePath(context, store, word)));
    const { infos, invalid } = await untilInvalid(store, paths, signal);
    const { workers } = session;
    const options = { workers, signal, breaksOff: invalid !== undefined };
    await stdout.widen?.();
    for await (const chunk of exportPaths(store, infos, options)) await stdout.write(chunk);
    if (invalid === undefined) return 0;
    const path = printStorePath(store.storeDir, invalid);
    throw new FerryError('not-found', `path '${path}' is not valid`, { path });
  },
};

/** What comes before the first path that isn't valid, if one isn't: Nix gives it out before it complains. */
async function untilInvalid(
  store: Store,
  paths: ReadonlySet<StorePath>,
  signal: AbortSignal,
): Promise<{ infos: readonly PathInfo[]; invalid: StorePath | undefined }> {
  const valid = await store.queryPathInfos(paths, { signal });
  const sorted = sortTopologically([...paths].map((path) => valid.get(path) ?? unknownInfo(path)));
  const end = sorted.findIndex(({ path }) => !valid.has(path));
  if (end < 0) return { infos: sorted, invalid: undefined };
  return { infos: sorted.slice(0, end), invalid: sorted[end]?.path };
}

/** Holds the place of a path in the order. */
function unknownInfo(path: StorePath): PathInfo {
  const narHash = { algorithm: 'sha256', digest: new Uint8Array(32) } as const;
  return { path, narHash, narSize: 0, references: [], signatures: [] };
}
