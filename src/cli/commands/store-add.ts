/** `ferry store add`: files into a store, named after their contents, as `nix store add`. */
import { resolve } from 'node:path';
import type { ContentAddressMethod } from '../../format/content-address.ts';
import { parseHashAlgorithm } from '../../format/hash.ts';
import { printStorePath } from '../../format/store-path.ts';
import { addContentTo } from '../add-content-to.ts';
import { allPathsOf } from '../all-paths-of.ts';
import { defineCommand, type Command } from '../command.ts';
import { treeOf } from '../input-file.ts';
import { nameInStore } from '../name-in-store.ts';
import { usage } from '../parse-words.ts';
import { openSession } from '../session.ts';
import { hashAlgorithms } from './hash-options.ts';
import { storeOption } from './store-option.ts';

const TITLE = 'ferry store add';

export const storeAdd: Command = defineCommand({
  description: [
    'Prints the store path of each. The same contents under the same name always give the same path, so adding again does nothing.',
  ],
  arguments: [{ name: 'PATH', help: 'files or directories', repeated: true, completes: 'file' }],
  options: {
    ...storeOption,
    name: { help: 'the name in the store; by default that of the file', short: 'n', value: 'NAME' },
    mode: {
      help: 'what is hashed: the NAR (default), the bytes of a file, or its text, which may refer to others',
      value: 'MODE',
      choices: ['nar', 'flat', 'text'],
    },
    hashAlgo: { help: 'hash algorithm, sha256 by default', value: 'ALGO', choices: hashAlgorithms },
    scanReferences: {
      help: 'look for store paths in the contents, and take the valid ones as references',
    },
  },
  examples: [
    { meaning: 'a directory', command: 'ferry store add ./site' },
    {
      meaning: 'what refers to other paths, into a store below a directory',
      command: 'ferry store add --store ./root --scan-references --name app-1.0 ./build',
    },
  ],
  async run(context, paths, options) {
    if (options.name !== undefined && paths.length > 1) {
      throw usage(TITLE, `one --name can't name ${paths.length} paths`);
    }
    const method = (options.mode ?? 'nar') as ContentAddressMethod;
    const algorithm = parseHashAlgorithm(options.hashAlgo ?? 'sha256');
    const scan = options.scanReferences;
    if (scan && method === 'flat') {
      throw usage(TITLE, 'paths of --mode flat have no references to scan for');
    }
    if (method === 'text' && algorithm !== 'sha256') {
      throw usage(TITLE, `--mode text takes sha256, not ${algorithm}`);
    }
    await using session = openSession(context);
    const store = await session.open(options.store);
    for (const path of paths) {
      const name = nameInStore(path, resolve(context.cwd, path), options.name);
      const tree = await treeOf(context, path);
      const references = scan ? await allPathsOf(store, context.signal) : [];
      const content = { name, method, algorithm, references, scan };
      const added = await addContentTo(session, store, tree, content);
      await context.stdout.write(`${printStorePath(store.storeDir, added.path)}\n`);
    }
    return 0;
  },
});
