/** `ferry nar ls`: what is in a NAR, as `nix nar ls`. */
import { ListingBuilder } from '../../format/nar/listing.ts';
import { defineCommand, type Command } from '../command.ts';
import { decodeNar } from '../decode-nar.ts';
import { readInput } from '../input-file.ts';
import { listingOptions, printListing } from '../print-listing.ts';

export const narLs: Command = defineCommand({
  description: [],
  arguments: [
    { name: 'FILE', help: 'a NAR, or - for stdin', completes: 'file' },
    { name: 'MEMBER', help: 'a file or directory in it', optional: true },
  ],
  options: listingOptions,
  examples: [
    { meaning: 'all of it, with sizes', command: 'ferry nar ls -lR result.nar' },
    { meaning: 'one directory', command: 'ferry nar ls result.nar /bin' },
  ],
  async run(context, [file = '', member = '/'], options) {
    const listing = new ListingBuilder();
    await decodeNar(readInput(context, file), listing);
    await context.stdout.write(printListing(listing.finish(), '.', member, options));
    return 0;
  },
});
