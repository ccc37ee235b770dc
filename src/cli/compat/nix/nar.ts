/** `nix nar pack`, `ls`, `cat`. */
import { resolve } from 'node:path';
import { ListingBuilder } from '../../../format/nar/listing.ts';
import { openTreeWorkers } from '../../../system/threads/tree-workers.ts';
import { decodeNar } from '../../decode-nar.ts';
import { readInput } from '../../input-file.ts';
import { listingOptions, printListing } from '../../print-listing.ts';
import { writeMember } from '../../write-member.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';

export const narPack: NixVerb = defineVerb({
  description: ['Writes the NAR of a file or directory to stdout. Links are not followed.'],
  arguments: [{ name: 'PATH', help: 'a file or directory', completes: 'file' }],
  options: {},
  examples: [{ meaning: 'into a file', command: 'nix nar pack ./result > result.nar' }],
  async run({ context }, [path = '']) {
    const { cwd, signal, stdout } = context;
    if (stdout.isTerminal) throw nixUsage(PROGRAM, 'refusing to write binary data to a terminal');
    await using workers = openTreeWorkers();
    for await (const chunk of workers.pack(resolve(cwd, path), { signal })) {
      await stdout.write(chunk);
    }
    return 0;
  },
});

const narArgument = { name: 'NAR', help: 'a file that is a NAR', completes: 'file' } as const;

export const narLs: NixVerb = defineVerb({
  description: [],
  arguments: [narArgument, { name: 'MEMBER', help: 'a file or directory in it: /bin' }],
  options: listingOptions,
  examples: [{ meaning: 'all that is in it', command: 'nix nar ls -lR result.nar /' }],
  async run({ context }, [file = '', member = ''], options) {
    const listing = new ListingBuilder();
    await decodeNar(readInput(context, resolve(context.cwd, file)), listing);
    const flags = { ...options, bareEntries: true };
    await context.stdout.write(printListing(listing.finish(), '', member, flags));
    return 0;
  },
});

export const narCat: NixVerb = defineVerb({
  description: ['Links are not followed.'],
  arguments: [narArgument, { name: 'MEMBER', help: 'a file in it: /bin/hello' }],
  options: {},
  examples: [{ meaning: 'a script out of it', command: 'nix nar cat result.nar /bin/hello' }],
  async run({ context }, [file = '', member = '']) {
    await writeMember(readInput(context, resolve(context.cwd, file)), member, context.stdout);
    return 0;
  },
});
