/** `ferry completions`: what a shell needs to complete our commands. */
import { shellCompletions, shells, type Shell } from '../shell-completions.ts';
import { defineCommand, type Command } from '../command.ts';

export const completions: Command = defineCommand({
  description: [
    'Prints a script that completes commands, options, files, store paths and, for stores, the hosts of your ssh configuration.',
  ],
  arguments: [{ name: 'SHELL', help: 'the shell it is for', choices: shells }],
  options: {},
  examples: [
    { meaning: 'for this session of bash', command: 'source <(ferry completions bash)' },
    {
      meaning: 'for good, in fish',
      command: 'ferry completions fish > ~/.config/fish/completions/ferry.fish',
    },
  ],
  async run({ stdout }, words) {
    await stdout.write(await shellCompletions(words[0] as Shell));
    return 0;
  },
});
