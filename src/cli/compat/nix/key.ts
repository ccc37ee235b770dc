/** `nix key generate-secret`, `nix key convert-secret-to-public`: on stdin and stdout, without line ends. */
import { parseKeyText } from '../../../config/key-file.ts';
import { FerryError } from '../../../error.ts';
import { formatPublicKey, formatSecretKey, generateSecretKey } from '../../../format/signature.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM } from './parse-verb-words.ts';
import { defineVerb, type NixVerb } from './verb.ts';

/** Bytes on stdin: a key has about a hundred. */
const STDIN_MAX = 4096;

export const keyGenerateSecret: NixVerb = defineVerb({
  description: ['Prints a new secret key. Whoever reads it can sign in its name.'],
  arguments: [],
  options: { keyName: { help: 'whose key it is, such as cache.example.org-1', value: 'NAME' } },
  examples: [
    {
      meaning: 'into a file that nobody else may read',
      command: '(umask 077; nix key generate-secret --key-name cache.example.org-1 > key)',
    },
  ],
  async run({ context }, _words, { keyName }) {
    if (keyName === undefined) {
      throw nixUsage(PROGRAM, "required argument '--key-name' is missing");
    }
    await context.stdout.write(formatSecretKey(generateSecretKey(keyName)));
    return 0;
  },
});

export const keyConvertSecretToPublic: NixVerb = defineVerb({
  description: ['Reads a secret key from stdin and prints the public key that goes with it.'],
  arguments: [],
  options: {},
  examples: [{ meaning: 'of a key in a file', command: 'nix key convert-secret-to-public < key' }],
  async run({ context }) {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of context.stdin) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > STDIN_MAX) {
        throw new FerryError('corrupt', 'cannot read a secret key from stdin: it is too long');
      }
    }
    await context.stdout.write(formatPublicKey(parseKeyText('stdin', text).publicKey));
    return 0;
  },
});
