/** Base 16 as Nix reads and writes it: lower case when written, either case when read. */
import { FerryError } from '../error.ts';

export function encodeBase16(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** @throws FerryError `corrupt` for an odd length or a character that is no digit. */
export function decodeBase16(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new FerryError('corrupt', `"${text}" is not base 16`);
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}
