/** `nix store ls` */
import { listStorePath } from '../../list-store-path.ts';
import { listingOptions, printListing } from '../../print-listing.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storeLs: NixVerb = defineVerb({
  description: [
    'Of a cache that keeps listings nothing else is read; else, of a store elsewhere, the whole path is.',
  ],
  arguments: [
    { name: 'PATH', help: 'a store path, or a directory or file in one', completes: 'file' },
  ],
  options: listingOptions,
  examples: [{ meaning: 'the programs of a package', command: 'nix store ls -l ./result/bin' }],
  run: async (call, [word = ''], options) =>
    await withStore(call, async (store) => {
      const { root, inside } = await listStorePath(call.context, store, word);
      const text = printListing(root, '', inside, { ...options, bareEntries: true });
      await call.context.stdout.write(text);
      return 0;
    }),
});
