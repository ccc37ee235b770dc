/** `ferry store add-root`: a link that keeps a path. */
import { resolve } from 'node:path';
import { FerryError } from '../../error.ts';
import { printStorePath } from '../../format/store-path.ts';
import { requireRootedStore } from '../as-daemon-store.ts';
import { defineCommand, type Command } from '../command.ts';
import { resolveIn } from '../resolve-in-store.ts';
import { openSession } from '../session.ts';
import { storeOption } from './store-option.ts';

export const storeAddRoot: Command = defineCommand({
  description: [
    'Makes LINK a symbolic link to a path that is in the store, and lets the garbage collector know of it: for as long as the link is there, the path is kept with all that it refers to. A derivation is kept as it is, and nothing is built.',
  ],
  arguments: [
    { name: 'LINK', help: 'where the link shall be', completes: 'file' },
    { name: 'PATH', help: 'a store path', completes: 'file' },
  ],
  options: storeOption,
  examples: [
    {
      meaning: 'keep a derivation',
      command:
        'ferry store add-root ./shell.drv /nix/store/vq69sqp8jpimmv62milrq467xk9wkkg0-foo.drv',
    },
  ],
  async run(context, [link = '', word = ''], { store: uri }) {
    const { cwd, signal } = context;
    await using session = openSession(context);
    const store = await session.openExisting(uri);
    const rooted = requireRootedStore(store);
    const { path } = resolveIn(context, store, word);
    const hold = store.features.has('hold');
    if (!(await store.queryValidPaths([path], { hold, signal })).has(path)) {
      const printed = printStorePath(store.storeDir, path);
      throw new FerryError('not-found', `path "${printed}" is not valid in "${store.uri}"`, {
        path: printed,
        store: store.uri,
      });
    }
    await rooted.addRoot(resolve(cwd, link), path, { signal });
    return 0;
  },
});
