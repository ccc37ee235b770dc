/** `ferry hash file`: the hash of the bytes of files, as `nix hash file`. */
import { parseHashAlgorithm, StreamingHash } from '../../format/hash.ts';
import { defineCommand, type Command } from '../command.ts';
import { readInput } from '../input-file.ts';
import { encodingOf, encodingOptions, hashAlgorithms, printHash } from './hash-options.ts';

export const hashFile: Command = defineCommand({
  description: [],
  arguments: [{ name: 'FILE', help: 'a file, or - for stdin', repeated: true, completes: 'file' }],
  options: {
    type: { help: 'hash algorithm, sha256 by default', value: 'ALGO', choices: hashAlgorithms },
    ...encodingOptions,
  },
  examples: [
    {
      meaning: 'what a fixed-output derivation wants to know',
      command: 'ferry hash file source.tar.gz',
    },
  ],
  async run(context, files, options) {
    const encoding = encodingOf(options);
    const algorithm = parseHashAlgorithm(options.type ?? 'sha256');
    for (const file of files) {
      const state = new StreamingHash(algorithm);
      for await (const chunk of readInput(context, file)) state.update(chunk);
      await context.stdout.write(`${printHash(state.finish(), encoding)}\n`);
    }
    return 0;
  },
});
