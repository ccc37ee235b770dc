/** Hashes as words of Nix's programs: in any spelling, and in base 64 with less than its padding. */
import { encodeBase64 } from '../../bytes/base64.ts';
import { FerryError, isFerryError } from '../../error.ts';
import { parseHash, type Hash, type HashAlgorithm } from '../../format/hash.ts';

/**
 * @param algorithm what it must be, or what it is where it doesn't say so itself.
 * @throws FerryError `usage`: on the command line a hash that makes no sense is a mistake of the caller.
 */
export function parseHashArgument(text: string, algorithm: HashAlgorithm | undefined): Hash {
  try {
    return parseHash(text, algorithm);
  } catch (error) {
    if (!isFerryError(error, 'corrupt')) throw error;
    const padded = withPadding(text);
    if (padded !== undefined && padded !== text) return parseHashArgument(padded, algorithm);
    const message = error.message.includes('does not say')
      ? `hash '${text}' does not include a type, nor is the type otherwise known from context`
      : error.message;
    throw new FerryError('usage', message, { cause: error });
  }
}

/**
 * Nix reads base 64 up to the first "=", and doesn't mind what stands in bits that mean nothing. Without "-" in front
 * the length shows that it is base 64, so there it has to be right.
 */
function withPadding(text: string): string | undefined {
  const [, prefix = '', digits = ''] = /^([a-z0-9]+[:-])?(.*)$/s.exec(text) ?? [];
  const [meant = ''] = digits.replaceAll('\n', '').split('=', 1);
  if (!/^[A-Za-z0-9+/]+$/.test(meant)) return undefined;
  const canonical = encodeBase64(Buffer.from(meant, 'base64'));
  if (!prefix.endsWith('-') && canonical.length !== digits.length) return undefined;
  return `${prefix}${canonical}`;
}
