/** `ferry hash path`: the hash of the NAR of a file or directory, as `nix hash path`. */
import { parseHashAlgorithm, StreamingHash } from '../../format/hash.ts';
import { openTreeWorkers } from '../../system/threads/tree-workers.ts';
import { defineCommand, type Command } from '../command.ts';
import { treeOf } from '../input-file.ts';
import { encodingOf, encodingOptions, hashAlgorithms, printHash } from './hash-options.ts';

export const hashPath: Command = defineCommand({
  description: [
    'That is the hash that a store knows a path by: of its names, contents and executable bits, of nothing else. Links are not followed.',
  ],
  arguments: [{ name: 'PATH', help: 'a file or directory', repeated: true, completes: 'file' }],
  options: {
    type: { help: 'hash algorithm, sha256 by default', value: 'ALGO', choices: hashAlgorithms },
    ...encodingOptions,
  },
  examples: [{ meaning: 'as narinfos print it', command: 'ferry hash path --base32 ./source' }],
  async run(context, paths, options) {
    const encoding = encodingOf(options);
    const algorithm = parseHashAlgorithm(options.type ?? 'sha256');
    await using workers = openTreeWorkers();
    for (const path of paths) {
      const tree = await treeOf(context, path);
      const state = new StreamingHash(algorithm);
      for await (const chunk of workers.pack(tree, { signal: context.signal })) state.update(chunk);
      await context.stdout.write(`${printHash(state.finish(), encoding)}\n`);
    }
    return 0;
  },
});
