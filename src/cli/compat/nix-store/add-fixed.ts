/** `nix-store --add-fixed`: what a derivation with a fixed output hash would fetch, put into the store by hand. */
import { parseHashAlgorithm } from '../../../format/hash.ts';
import { nixUsage } from '../nix-words.ts';
import { addFiles } from './add-files.ts';
import { PROGRAM, requireKnownFlags, type NixStoreOperation } from './operation.ts';

export const addFixed: NixStoreOperation = {
  async run(call, [algorithm, ...words], flags) {
    requireKnownFlags(flags, '--recursive');
    if (algorithm === undefined) throw nixUsage(PROGRAM, 'first argument must be hash algorithm');
    const method = flags.includes('--recursive') ? 'nar' : 'flat';
    return await addFiles(call, words, { method, algorithm: parseHashAlgorithm(algorithm) });
  },
};
