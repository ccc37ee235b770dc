/** `ferry key generate`: a new secret key. */
import { resolve } from 'node:path';
import { writeSecretKeyFile } from '../../config/key-file.ts';
import { formatPublicKey, formatSecretKey, generateSecretKey } from '../../format/signature.ts';
import { defineCommand, type Command } from '../command.ts';
import { say } from '../context.ts';

export const keyGenerate: Command = defineCommand({
  description: [
    'NAME says whose key it is: by convention the name of the cache or machine, a dash and a number to be counted up when the key is replaced, as in cache.example.org-1. Signatures carry it.',
    'With --out the secret key goes to a new file that only you may read, and the public key is printed. Without it the secret key is what is printed, without a line end, as nix key generate-secret does.',
  ],
  arguments: [{ name: 'NAME', help: 'such as cache.example.org-1' }],
  options: {
    out: { help: 'where to write the secret key', short: 'o', value: 'FILE', completes: 'file' },
  },
  examples: [
    {
      meaning: 'a key for a cache',
      command: 'ferry key generate cache.example.org-1 --out cache.secret',
    },
  ],
  async run(context, [name = ''], options) {
    const key = generateSecretKey(name);
    if (!/^[A-Za-z0-9][\w.-]*-\d+$/.test(name)) {
      await say(context, `warning: key names usually look like ${suggestionFor(name)}`);
    }
    const publicKey = formatPublicKey(key.publicKey);
    if (options.out === undefined) {
      await context.stdout.write(formatSecretKey(key));
      return 0;
    }
    const file = resolve(context.cwd, options.out);
    writeSecretKeyFile(file, key);
    await say(context, `the secret key is in "${file}", this is the public key:`);
    await context.stdout.write(`${publicKey}\n`);
    return 0;
  },
});

function suggestionFor(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '');
  return `${plain === '' ? 'cache.example.org' : plain}-1`;
}
