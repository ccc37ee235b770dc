/** `nix-store --print-env`: the environment of a derivation, for a shell to read. */
import { fromByteString, type ByteString } from '../../../bytes/byte-string.ts';
import { FerryError } from '../../../error.ts';
import type { Derivation } from '../../../format/derivation.ts';
import { isDerivation, parseStorePath } from '../../../format/store-path.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, requireKnownFlags, type NixStoreOperation } from './operation.ts';
import { derivationIn, readValidDerivations, variablesOf } from './read-valid-derivations.ts';
import { withStore } from './store-scene.ts';

export const printEnv: NixStoreOperation = {
  async run(call, words, flags) {
    requireKnownFlags(flags);
    const [word, ...others] = words;
    if (word === undefined || others.length > 0) {
      throw nixUsage(PROGRAM, "'--print-env' requires one derivation store path");
    }
    return await withStore(call, async (scene) => {
      // No links are followed here.
      const drv = parseStorePath(scene.store.storeDir, word);
      if (!isDerivation(drv)) {
        throw new FerryError('usage', `"${word}" is not a derivation`, { path: word });
      }
      const derivation = derivationIn(await readValidDerivations(scene, [drv]), drv);
      await call.context.stdout.write(fromByteString(environmentOf(derivation)));
      return 0;
    });
  },
};

/** With an empty line after each variable, as Nix has had it since 2.19; the arguments are one value. */
export function environmentOf(derivation: Derivation): ByteString {
  const { args } = derivation;
  const sorted = [...variablesOf(derivation)].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([name, value]) => `export ${name}; ${name}=${quoted(value)}\n\n`);
  return `${lines.join('')}export _args; _args=${quoted(args.join(' '))}\n` as ByteString;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
