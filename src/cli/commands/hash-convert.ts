/** `ferry hash convert`: the same hash in another spelling, as `nix hash convert`. */
import { isFerryError } from '../../error.ts';
import { parseHash, parseHashAlgorithm, type Hash, type HashAlgorithm } from '../../format/hash.ts';
import { FerryError } from '../../error.ts';
import { defineCommand, type Command } from '../command.ts';
import { encodingOf, encodingOptions, hashAlgorithms, printHash } from './hash-options.ts';

export const hashConvert: Command = defineCommand({
  description: [
    'Takes SRI, and base 16, base 32 and base 64 with or without the algorithm in front; which one it is shows in the length.',
  ],
  arguments: [{ name: 'HASH', help: 'a hash in any spelling', repeated: true }],
  options: {
    type: {
      help: 'its algorithm, where the hash itself does not say it',
      value: 'ALGO',
      choices: hashAlgorithms,
    },
    ...encodingOptions,
  },
  examples: [
    {
      meaning: 'from SRI to what narinfos and nix-store print',
      command: 'ferry hash convert --base32 sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    },
  ],
  async run({ stdout }, texts, options) {
    const encoding = encodingOf(options);
    const algorithm = options.type === undefined ? undefined : parseHashAlgorithm(options.type);
    for (const text of texts) {
      await stdout.write(`${printHash(parse(text, algorithm), encoding)}\n`);
    }
    return 0;
  },
});

/** A hash on the command line that makes no sense is a mistake of the caller. */
function parse(text: string, algorithm: HashAlgorithm | undefined): Hash {
  try {
    return parseHash(text, algorithm);
  } catch (error) {
    if (!isFerryError(error, 'corrupt')) throw error;
    const hint = error.message.includes('does not say') ? 'say it with --type' : error.hint;
    throw new FerryError('usage', error.message, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}
