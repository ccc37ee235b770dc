/** `nix-store --print-fixed-path`: the path that `--add-fixed` would give to contents with this hash. */
import { parseHashAlgorithm } from '../../../format/hash.ts';
import { contentAddressedPath } from '../../../format/make-store-path.ts';
import { printStorePath } from '../../../format/store-path.ts';
import { openSession } from '../../session.ts';
import { parseHashArgument } from '../hash-argument.ts';
import { nixUsage } from '../nix-words.ts';
import { PROGRAM, requireKnownFlags, type NixStoreOperation } from './operation.ts';

export const printFixedPath: NixStoreOperation = {
  async run({ context, store: uri }, words, flags) {
    requireKnownFlags(flags, '--recursive');
    const [algorithm = '', digits = '', name = ''] = words;
    if (words.length !== 3) {
      throw nixUsage(PROGRAM, "'--print-fixed-path' requires three arguments");
    }
    const hash = parseHashArgument(digits, parseHashAlgorithm(algorithm));
    const method = flags.includes('--recursive') ? 'nar' : 'flat';
    await using session = openSession(context);
    const { storeDir } = await session.open(uri);
    const path = contentAddressedPath(storeDir, name, { method, hash });
    await context.stdout.write(`${printStorePath(storeDir, path)}\n`);
    return 0;
  },
};
