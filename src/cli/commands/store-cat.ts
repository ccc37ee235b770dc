/** `ferry store cat`: one file of a store path, wherever the store is, as `nix store cat`. */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { FerryError } from '../../error.ts';
import { defineCommand, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';
import { readInput } from '../input-file.ts';
import { readOneNar } from '../read-one-nar.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { writeMember } from '../write-member.ts';
import { storeOption } from './store-option.ts';

export const storeCat: Command = defineCommand({
  description: ['Links are not followed: they may lead out of the path.'],
  arguments: [{ name: 'PATH', help: 'a file in a store path', completes: 'file' }],
  options: storeOption,
  examples: [
    {
      meaning: 'the hosts file of the system a server runs',
      command:
        'ferry store cat --store ssh://server /nix/store/3qk4y0hvz9v2g29a1ssjqymv6fd4qsb8-etc/etc/hosts',
    },
  ],
  async run(context, [word = ''], options) {
    await using session = openSession(context);
    const store = await session.openExisting(options.store);
    const { path, inside } = resolveIn(context, store, word);
    await readOneNar(store, path, context.signal, (nar) =>
      nar.tree === undefined
        ? writeMember(nar, inside, context.stdout)
        : writeFile(context, nar.tree, inside),
    );
    return 0;
  },
});

async function writeFile(context: CommandContext, tree: string, inside: string): Promise<void> {
  const names = inside.split('/').filter((name) => name !== '');
  let file = tree;
  let stat = lstatSync(file);
  for (const name of names) {
    file = join(file, name);
    // Below a link is not below the path any more.
    const next = stat.isDirectory() ? lstatSync(file, { throwIfNoEntry: false }) : undefined;
    if (next === undefined) throw new FerryError('not-found', `there is no "${inside}" in it`);
    stat = next;
  }
  if (!stat.isFile()) {
    const kind = stat.isDirectory() ? 'directory' : 'link';
    throw new FerryError('usage', `cannot print "${inside}": it is a ${kind}`);
  }
  for await (const chunk of readInput(context, file)) await context.stdout.write(chunk);
}
