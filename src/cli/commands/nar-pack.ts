/** `ferry nar pack`: a file or directory as a NAR, as `nix nar pack`. */
import { FerryError } from '../../error.ts';
import { openTreeWorkers } from '../../system/threads/tree-workers.ts';
import { defineCommand, type Command } from '../command.ts';
import { treeOf } from '../input-file.ts';

export const narPack: Command = defineCommand({
  description: ['A link is packed as a link: name what it points to where that is meant.'],
  arguments: [{ name: 'PATH', help: 'a file or directory', completes: 'file' }],
  options: {},
  examples: [{ meaning: 'to a file', command: 'ferry nar pack ./source > source.nar' }],
  async run(context, [path = '']) {
    if (context.stdout.isTerminal) {
      throw new FerryError('usage', 'cannot write a NAR to a terminal', {
        hint: `ferry nar pack ${path} > FILE.nar`,
      });
    }
    const tree = await treeOf(context, path);
    await using workers = openTreeWorkers();
    for await (const chunk of workers.pack(tree, { signal: context.signal })) {
      await context.stdout.write(chunk);
    }
    return 0;
  },
});
