/**
 * Nix's own base 32, in the manual "Nix32": digits without e, o, t, u; the bytes are one little-endian number, and its
 * most significant digit comes first (Nix manual, glossary "Nix32").
 */
import { FerryError } from '../error.ts';

const DIGITS = '0123456789abcdfghijklmnpqrsvwxyz';

const VALUES: Int8Array = new Int8Array(128).fill(-1);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;

/** How many digits stand for so many bytes. */
export function nix32Length(byteCount: number): number {
  return byteCount === 0 ? 0 : Math.floor((byteCount * 8 - 1) / 5) + 1;
}

export function encodeNix32(bytes: Uint8Array): string {
  let text = '';
  for (let digit = nix32Length(bytes.length) - 1; digit >= 0; digit--) {
    const bit = digit * 5;
    const at = bit >> 3;
    const shift = bit & 7;
    const pair = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    text += DIGITS[(pair >> shift) & 31];
  }
  return text;
}

/**
 * @throws FerryError `corrupt` for a foreign character, a length that no byte count has, or bits beyond the last byte.
 */
export function decodeNix32(text: string): Uint8Array {
  const byteCount = Math.floor((text.length * 5) / 8);
  if (nix32Length(byteCount) !== text.length) {
    throw new FerryError('corrupt', `"${text}" is not Nix32: no byte string has that length`);
  }
  const bytes = new Uint8Array(byteCount);
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? -1;
    if (value < 0) {
      throw new FerryError('corrupt', `"${text}" is not Nix32: "${text[i]}" is not a digit of it`);
    }
    const bit = (text.length - 1 - i) * 5;
    const at = bit >> 3;
    const pair = value << (bit & 7);
    bytes[at] = (bytes[at] ?? 0) | (pair & 0xff);
    if (pair > 0xff) {
      if (at + 1 >= byteCount) {
        throw new FerryError('corrupt', `"${text}" is not Nix32: bits beyond the last byte`);
      }
      bytes[at + 1] = (bytes[at + 1] ?? 0) | (pair >> 8);
    }
  }
  return bytes;
}

// A regular expression: it is compiled at once, where a loop is slow until it has run a few thousand times.
const ONLY_DIGITS = /^[0-9a-df-np-sv-z]*$/;

/** Whether every character is a digit of Nix32. */
export function isNix32(text: string): boolean {
  return ONLY_DIGITS.test(text);
}
