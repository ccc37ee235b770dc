/** `ferry nar cat`: one file of a NAR, as `nix nar cat`. */
import { defineCommand, type Command } from '../command.ts';
import { readInput } from '../input-file.ts';
import { writeMember } from '../write-member.ts';

export const narCat: Command = defineCommand({
  description: [],
  arguments: [
    { name: 'FILE', help: 'a NAR, or - for stdin', completes: 'file' },
    { name: 'MEMBER', help: 'a file in it' },
  ],
  options: {},
  examples: [{ meaning: 'a script out of it', command: 'ferry nar cat result.nar bin/hello' }],
  async run(context, [file = '', member = '']) {
    await writeMember(readInput(context, file), member, context.stdout);
    return 0;
  },
});
