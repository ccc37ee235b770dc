/** `ferry key public`: the public key that goes with a secret key. */
import { resolve } from 'node:path';
import { parseKeyText, readSecretKeyFile } from '../../config/key-file.ts';
import { FerryError } from '../../error.ts';
import { formatPublicKey, type SecretKey } from '../../format/signature.ts';
import { defineCommand, type Command } from '../command.ts';
import type { CommandContext } from '../context.ts';

/** Bytes on stdin: a key has about a hundred. */
const STDIN_MAX = 4096;

export const keyPublic: Command = defineCommand({
  description: [
    'It is what others put into trusted-public-keys of their nix.conf to trust what was signed with the secret key.',
  ],
  arguments: [
    {
      name: 'FILE',
      help: 'a file with a secret key; without it, or as -, stdin',
      optional: true,
      completes: 'file',
    },
  ],
  options: {},
  examples: [{ meaning: 'of a key in a file', command: 'ferry key public cache.secret' }],
  async run(context, [file = '-']) {
    const key =
      file === '-' ? await keyOnStdin(context) : readSecretKeyFile(resolve(context.cwd, file));
    await context.stdout.write(`${formatPublicKey(key.publicKey)}\n`);
    return 0;
  },
});

async function keyOnStdin({ stdin }: CommandContext): Promise<SecretKey> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > STDIN_MAX) {
      throw new FerryError('corrupt', `cannot read a secret key from stdin: it is too long`);
    }
  }
  return parseKeyText('stdin', Buffer.concat(chunks).toString('utf8'));
}
