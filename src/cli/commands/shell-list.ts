/** `ferry shell list`: the development shells that were copied to this machine, by name. */
import { realpathSync } from 'node:fs';
import { defineCommand, type Command } from '../command.ts';
import { listNamedShells } from '../shell-names.ts';

export const shellList: Command = defineCommand({
  description: [
    'Prints the names that "ferry shell copy" has given to development shells on this machine, and the derivation of each. They are links in ~/.local/state/ferry/shells and /nix/var/nix/gcroots/ferry-shells: who removes the directory of a name gives the shell up.',
    'With --json it is one object.',
  ],
  arguments: [],
  options: { json: { help: 'print JSON' } },
  examples: [{ meaning: 'what can be entered here', command: 'ferry shell list' }],
  async run({ env, stdout }, _words, { json }) {
    const shells = listNamedShells(env).map(({ name, link }) => ({
      name,
      derivation: targetOf(link),
      link,
    }));
    if (json) {
      await stdout.write(`${JSON.stringify({ version: 1, shells })}\n`);
      return 0;
    }
    const width = Math.max(0, ...shells.map(({ name }) => name.length));
    for (const { name, derivation } of shells) {
      await stdout.write(`${name.padEnd(width)}  ${derivation ?? 'gone'}\n`);
    }
    return 0;
  },
});

/** Null where it was deleted behind the link's back. */
function targetOf(link: string): string | null {
  try {
    return realpathSync(link);
  } catch {
    return null;
  }
}
