/** `nix-store --check-validity`: whether paths are valid; fails at the first that isn't, or prints those. */
import { FerryError } from '../../../error.ts';
import { printStorePath } from '../../../format/store-path.ts';
import { printPieces } from '../../print-pieces.ts';
import { requireKnownFlags, type NixStoreOperation } from './operation.ts';
import { followWords } from './store-path-words.ts';
import { withStore } from './store-scene.ts';

export const checkValidity: NixStoreOperation = {
  async run(call, words, flags) {
    requireKnownFlags(flags, '--print-invalid');
    const printsInvalid = flags.length > 0;
    return await withStore(call, async ({ store }) => {
      const { stdout, signal } = call.context;
      const { paths, failure } = followWords(call.context, store, words);
      const valid = await store.queryValidPaths(paths, { signal });
      function* lines(): Generator<string> {
        for (const path of paths) {
          if (valid.has(path)) continue;
          const printed = printStorePath(store.storeDir, path);
          if (!printsInvalid) {
            throw new FerryError('not-found', `path '${printed}' is not valid`, { path: printed });
          }
          yield `${printed}\n`;
        }
        if (failure !== undefined) throw failure.error;
      }
      await printPieces(stdout, lines());
      return 0;
    });
  },
};
