/** `nix store cat` */
import { storeCat as command } from '../../commands/store-cat.ts';
import { defineVerb, type NixVerb } from './verb.ts';

export const storeCat: NixVerb = defineVerb({
  description: ['Links are not followed: they may lead out of the path.'],
  arguments: [{ name: 'PATH', help: 'a file in a store path', completes: 'file' }],
  options: {},
  examples: [{ meaning: 'a file of a package', command: 'nix store cat ./result/etc/hosts' }],
  run: async ({ context, store }, words) => await command.run(context, words, { store }),
});
