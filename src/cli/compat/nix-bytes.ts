/** Numbers of bytes on the command lines of Nix. */
import { nixUsage } from './nix-words.ts';

const MAX_SIGNED = 2n ** 63n - 1n;
const MAX_UNSIGNED = 2n ** 64n - 1n;

/**
 * A whole number with K, M, G or T behind it.
 * @returns undefined for one that is so large that it is no limit
 * @throws FerryError `usage`, worded as in Nix
 */
export function parseNixBytes(
  program: string,
  text: string,
  { isSigned }: { readonly isSigned: boolean },
): number | undefined {
  const unit = /[A-Za-z]$/.exec(text)?.[0].toUpperCase() ?? '';
  if (!/^[KMGT]?$/.test(unit)) throw nixUsage(program, `invalid unit specifier '${unit}'`);
  const digits = text.slice(0, text.length - unit.length);
  const isNumber = (isSigned ? /^[+-]?\d{1,20}$/ : /^\+?\d{1,20}$/).test(digits);
  const number = isNumber ? BigInt(digits.replace('+', '')) : undefined;
  if (number === undefined || number > (isSigned ? MAX_SIGNED : MAX_UNSIGNED)) {
    throw nixUsage(program, `'${digits}' is not an integer`);
  }
  const bytes = Number(number) * 1024 ** ' KMGT'.indexOf(unit || ' ');
  // Below zero is as nothing, as in Nix.
  return bytes > Number.MAX_SAFE_INTEGER ? undefined : Math.max(0, bytes);
}
