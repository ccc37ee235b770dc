/** How a hash is printed: the options that all commands about hashes share. */
import { FerryError } from '../../error.ts';
import { formatDigest, formatHash, type Hash, type HashEncoding } from '../../format/hash.ts';

export const hashAlgorithms = ['sha256', 'sha512', 'sha1', 'md5'] as const;

interface EncodingFlags {
  readonly sri: boolean;
  readonly base16: boolean;
  readonly base32: boolean;
  readonly base64: boolean;
}

export const encodingOptions: {
  readonly sri: { readonly help: string };
  readonly base16: { readonly help: string };
  readonly base32: { readonly help: string };
  readonly base64: { readonly help: string };
} = {
  sri: { help: 'print as SRI, sha256-… in base 64 (default)' },
  base16: { help: 'print the digits alone, in base 16' },
  base32: { help: "print the digits alone, in Nix's base 32" },
  base64: { help: 'print the digits alone, in base 64' },
};

/** @throws FerryError `usage` when more than one is asked for. */
export function encodingOf(flags: EncodingFlags): HashEncoding {
  const chosen = (['sri', 'base16', 'base32', 'base64'] as const).filter((name) => flags[name]);
  if (chosen.length > 1) {
    throw new FerryError('usage', `options "--${chosen.join('" and "--')}" exclude each other`);
  }
  const [name = 'sri'] = chosen;
  return name === 'base32' ? 'nix32' : name;
}

/** As `nix hash` prints it: SRI says its algorithm, the others are digits alone. */
export function printHash(hash: Hash, encoding: HashEncoding): string {
  return encoding === 'sri' ? formatHash(hash, 'sri') : formatDigest(hash, encoding);
}
