/** `ferry store ls`: the files of a store path, wherever the store is, as `nix store ls`. */
import { defineCommand, type Command } from '../command.ts';
import { listStorePath } from '../list-store-path.ts';
import { listingOptions, printListing } from '../print-listing.ts';
import { openSession } from '../session.ts';
import { storeOption } from './store-option.ts';

export const storeLs: Command = defineCommand({
  description: [
    'Of a cache that keeps listings nothing else is read; else, of a store elsewhere, the whole path is.',
  ],
  arguments: [
    { name: 'PATH', help: 'a store path, or a directory or file in one', completes: 'file' },
  ],
  options: { ...storeOption, ...listingOptions },
  examples: [
    { meaning: 'the programs of a package', command: 'ferry store ls -l ./result/bin' },
    {
      meaning: 'the same on a server',
      command:
        'ferry store ls --store ssh://server /nix/store/xfp2hphvk98rkk9ywlqpp587rjdcgnc2-hello/bin',
    },
  ],
  async run(context, [word = ''], options) {
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const { root, path, inside } = await listStorePath(context, store, word);
    await context.stdout.write(printListing(root, path, inside, options));
    return 0;
  },
});
