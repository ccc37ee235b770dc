/** `nix-store --dump`: the NAR of any file or directory, to stdout. No store is asked. */
import { resolve } from 'node:path';
import { openTreeWorkers } from '../../../system/threads/tree-workers.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, requireKnownFlags, type NixStoreOperation } from './operation.ts';

/** Large ones: all that is done with each is to write it. */
const CHUNK_BYTES = 1 << 20;

export const dump: NixStoreOperation = {
  async run({ context }, words, flags) {
    requireKnownFlags(flags);
    const { stdout, signal, cwd } = context;
    const [word = ''] = words;
    if (words.length !== 1) throw nixUsage(PROGRAM, 'only one argument allowed');
    await using workers = openTreeWorkers({ width: 1 });
    for await (const chunk of workers.pack(resolve(cwd, word), {
      signal,
      chunkBytes: CHUNK_BYTES,
    })) {
      await stdout.write(chunk);
    }
    return 0;
  },
};
