/** `nix store path-from-hash-part` */
import { FerryError } from '../../../error.ts';
import { printStorePath } from '../../../format/store-path.ts';
import { defineVerb, type NixVerb } from './verb.ts';
import { withStore } from './with-store.ts';

export const storePathFromHashPart: NixVerb = defineVerb({
  description: [],
  arguments: [{ name: 'HASH', help: 'the 32 characters in front of the name' }],
  options: {},
  examples: [
    {
      meaning: 'whose hash part this is',
      command: 'nix store path-from-hash-part xfp2hphvk98rkk9ywlqpp587rjdcgnc2',
    },
  ],
  run: async (call, [hashPart = '']) =>
    await withStore(call, async (store) => {
      if (store.queryPathFromHashPart === undefined) {
        throw new FerryError('unsupported', `"${store.uri}" can't find a path by its hash part`);
      }
      const path = await store.queryPathFromHashPart(hashPart, { signal: call.context.signal });
      if (path === undefined) {
        throw new FerryError('not-found', `there is no store path corresponding to '${hashPart}'`);
      }
      await call.context.stdout.write(`${printStorePath(store.storeDir, path)}\n`);
      return 0;
    }),
});
