/** `ferry store info`: what a store is. Also the quickest way to see whether it answers. */
import { defineCommand, type Command } from '../command.ts';
import { openSession } from '../session.ts';
import { formatBytes } from '../../bytes/format-bytes.ts';
import { storeOption } from './store-option.ts';

export const storeInfo: Command = defineCommand({
  description: [],
  arguments: [],
  options: { ...storeOption, json: { help: 'tell programs, in JSON' } },
  examples: [
    { meaning: 'whether a server answers', command: 'ferry store info --store ssh://server' },
  ],
  async run(context, _words, options) {
    await using session = openSession(context);
    const store = await session.open(options.store);
    const { signal } = context;
    // Opening may be lazy: a question that costs nothing shows whether it answers.
    await store.queryValidPaths([], { signal });
    const freeSpace = await store.freeSpace?.({ signal });
    const features = [...store.features].sort();
    if (options.json) {
      const { uri, storeDir } = store;
      const info = { version: 1, uri, storeDir, features, freeSpace: freeSpace ?? null };
      await context.stdout.write(`${JSON.stringify(info)}\n`);
      return 0;
    }
    const rows: [string, string][] = [
      ['store', store.uri],
      ['store directory', store.storeDir],
      ['writable', store.features.has('write') ? 'yes' : 'no'],
      ['checks signatures', store.features.has('trust') ? 'yes, by itself' : 'not by ferry'],
    ];
    if (freeSpace !== undefined) rows.push(['free space', formatBytes(freeSpace.bytes)]);
    await context.stdout.write(
      rows.map(([name, value]) => `${`${name}:`.padEnd(20)}${value}\n`).join(''),
    );
    return 0;
  },
});
