/** Base 64 with the standard alphabet and padding. One accepted spelling per value, so that no two texts mean the same. */
import { FerryError } from '../error.ts';

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * Padding is required and unused bits must be zero: what isn't canonical is refused.
 * @throws FerryError `corrupt`
 */
export function decodeBase64(text: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  if (encodeBase64(bytes) !== text) {
    throw new FerryError('corrupt', `"${text}" is not base 64`);
  }
  return bytes;
}
