/** `nix-store --dump-db`: what the store knows of some or all of its paths, as `--load-db` takes it. */
import { FerryError } from '../../../error.ts';
import { formatRegistration } from '../../../format/registration.ts';
import { printStorePath, type StorePath } from '../../../format/store-path.ts';
import type { Store } from '../../../store/store.ts';
import { allPathsOf } from '../../all-paths-of.ts';
import { printPieces } from '../../print-pieces.ts';
import { openSession } from '../../session.ts';
import { requireKnownFlags, type NixStoreOperation } from './operation.ts';
import { followWords } from './store-path-words.ts';

/** Paths whose infos are in memory at the same time. */
const CHUNK = 1000;

export const dumpDb: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags);
    const { stdout, signal } = context;
    await using session = openSession(context);
    const store = await session.open(uri);
    if (words.length === 0) {
      // What is collected as garbage meanwhile is simply not among them.
      const paths = await allPathsOf(store, signal);
      await printPieces(stdout, records(store, paths, { signal, ignoresInvalid: true }));
      return 0;
    }
    const { paths, failure } = followWords(context, store, words);
    await printPieces(stdout, records(store, paths, { signal, ignoresInvalid: false }));
    if (failure !== undefined) throw failure.error;
    return 0;
  },
};

async function* records(
  store: Store,
  paths: readonly StorePath[],
  { signal, ignoresInvalid }: { readonly signal: AbortSignal; readonly ignoresInvalid: boolean },
): AsyncGenerator<string> {
  for (let from = 0; from < paths.length; from += CHUNK) {
    const some = paths.slice(from, from + CHUNK);
    const infos = await store.queryPathInfos(some, { signal });
    const texts: string[] = [];
    for (const path of some) {
      const info = infos.get(path);
      if (info !== undefined) {
        texts.push(formatRegistration(store.storeDir, info));
      } else if (!ignoresInvalid) {
        yield texts.join('');
        const printed = printStorePath(store.storeDir, path);
        throw new FerryError('not-found', `path "${printed}" is not valid`, { path: printed });
      }
    }
    yield texts.join('');
  }
}
