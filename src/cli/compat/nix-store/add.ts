/** `nix-store --add`: files and directories into the store, named after the hash of their archives. */
import { addFiles } from './add-files.ts';
import { requireKnownFlags, type NixStoreOperation } from './operation.ts';

export const add: NixStoreOperation = {
  async run(call, words, flags) {
    requireKnownFlags(flags);
    return await addFiles(call, words, { method: 'nar', algorithm: 'sha256' });
  },
};
