/** `ferry nar unpack`: a NAR from stdin, as `nix-store --restore`. */
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { FerryError } from '../../error.ts';
import { openTreeWorkers } from '../../system/threads/tree-workers.ts';
import { defineCommand, type Command } from '../command.ts';

export const narUnpack: Command = defineCommand({
  description: [
    'Files become read-only and get the time 1 after 1970, as in a store. On failure nothing stays behind.',
  ],
  arguments: [
    { name: 'PATH', help: 'what to make; nothing may be there yet', completes: 'directory' },
  ],
  options: {},
  examples: [{ meaning: 'from a file', command: 'ferry nar unpack ./tree < result.nar' }],
  async run(context, [path = '']) {
    const target = resolve(context.cwd, path);
    if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) {
      throw new FerryError('conflict', `cannot unpack to "${path}": it exists already`, { path });
    }
    await using workers = openTreeWorkers();
    await workers.unpack({ source: context.stdin, target, signal: context.signal });
    return 0;
  },
});
