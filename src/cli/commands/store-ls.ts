/** `ferry store ls`: the files of a store path, wherever the store is, as `nix store ls`. */
import { ListingBuilder, type ListingNode } from '../../format/nar/listing.ts';
import type { NarStream } from '../../store/store.ts';
import { defineCommand, type Command } from '../command.ts';
import { decodeNar } from '../decode-nar.ts';
import { listTree } from '../list-tree.ts';
import { listingOptions, printListing } from '../print-listing.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { readOneNar } from '../read-one-nar.ts';
import { storeOption } from './store-option.ts';

export const storeLs: Command = defineCommand({
  description: ['Of a store elsewhere the whole path is read, since none of it can be listed.'],
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
    const { path, inside } = resolveIn(context, store, word);
    const root = await readOneNar(store, path, context.signal, listNar);
    await context.stdout.write(printListing(root, path, inside, options));
    return 0;
  },
});

async function listNar(nar: NarStream): Promise<ListingNode> {
  if (nar.tree !== undefined) return listTree(nar.tree);
  const listing = new ListingBuilder();
  await decodeNar(nar, listing);
  return listing.finish();
}
