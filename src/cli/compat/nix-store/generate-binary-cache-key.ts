/** `nix-store --generate-binary-cache-key`: a key pair, into two files. */
import { resolve } from 'node:path';
import { overwriteKeyFiles } from '../../../config/key-pair-files.ts';
import { generateSecretKey } from '../../../format/signature.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, requireKnownFlags, type NixStoreOperation } from './operation.ts';

export const generateBinaryCacheKey: NixStoreOperation = {
  async run({ context }, words, flags) {
    requireKnownFlags(flags);
    const [name = '', secretFile = '', publicFile = ''] = words;
    if (words.length !== 3) throw nixUsage(PROGRAM, 'three arguments expected');
    const { cwd } = context;
    const key = generateSecretKey(name);
    overwriteKeyFiles(resolve(cwd, secretFile), resolve(cwd, publicFile), key);
    return 0;
  },
};
