/** `nix-store --import`: the paths of a stream on stdin; all of them are printed in the end. */
import { ByteReader } from '../../../bytes/byte-reader.ts';
import { importPaths } from '../../../copy/import-paths.ts';
import { printStorePath } from '../../../format/store-path.ts';
import { openSession } from '../../session.ts';
import { requireKnownFlags, requireNoWords, type NixStoreOperation } from './operation.ts';

export const importOperation: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags);
    requireNoWords(words);
    const { stdin, stdout, signal } = context;
    await using session = openSession(context);
    const store = await session.open(uri);
    await stdin.widen?.();
    const lines: string[] = [];
    await importPaths(store, new ByteReader(stdin), {
      signal,
      onImported: (path) => lines.push(`${printStorePath(store.storeDir, path)}\n`),
    });
    await stdout.write(lines.join(''));
    return 0;
  },
};
