/**
 * Names in archives and file systems are bytes, not text. A byte string holds one byte per character (code 0 to 255),
 * so that comparing, joining and using it as a key work as with strings and keep the order of the bytes.
 */

declare const brand: unique symbol;
export type ByteString = string & { readonly [brand]: 'ByteString' };

export function toByteString(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(
    'latin1',
  ) as ByteString;
}

export function fromByteString(text: ByteString): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** The bytes of a text in UTF-8. */
export function utf8ByteString(text: string): ByteString {
  return isAscii(text) ? (text as ByteString) : toByteString(Buffer.from(text, 'utf8'));
}

/** For people: decoded as UTF-8, what isn't UTF-8 replaced, control characters escaped. */
export function displayByteString(text: ByteString): string {
  const decoded = isAscii(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
  return decoded.replace(
    /[\u0000-\u001f\u007f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
