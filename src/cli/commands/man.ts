/** `ferry man`: manual pages, made from the same values as help. */
import { defineCommand, type Command } from '../command.ts';
import { manualPage } from '../manual.ts';
import { usage } from '../parse-words.ts';
import { findCommand } from '../table.ts';

export const man: Command = defineCommand({
  description: [
    'Prints a page in the language of man(1). Without COMMAND it is the page of ferry itself.',
  ],
  arguments: [
    {
      name: 'COMMAND',
      help: 'a command: copy, store ls',
      optional: true,
      repeated: true,
      completes: 'command',
    },
  ],
  options: {},
  examples: [{ meaning: 'read the page of a command', command: 'ferry man copy | man -l -' }],
  async run({ stdout }, names) {
    const { entry, rest } = findCommand(names);
    if (names.length > 0 && (entry === undefined || rest.length > 0)) {
      throw usage('ferry man', `there is no command "${names.join(' ')}"`);
    }
    await stdout.write(await manualPage(names));
    return 0;
  },
});
