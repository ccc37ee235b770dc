/**
 * The bytes that bundles begin with (docs/design/bundle.md). The first is no ASCII and the last are what transfers of
 * text change, so that a bundle that went through one is known by its beginning. No NAR and no export stream begins so:
 * their first number is small.
 */

/** A whole bundle. */
export const bundleMagic: Uint8Array = magic('ferry-bundle');
/** A part of one that was split. */
export const bundlePartMagic: Uint8Array = magic('ferry-volume');
/** Bytes of either. */
export const magicBytes = 16;

/** Whether it is a bundle, or a part of one, that begins so. @param firstBytes 16 bytes at least, if there are as many */
export function isBundle(firstBytes: Uint8Array): boolean {
  return startsWith(firstBytes, bundleMagic) || isBundlePart(firstBytes);
}

/** Whether it is a part of a bundle that was split. */
export function isBundlePart(firstBytes: Uint8Array): boolean {
  return startsWith(firstBytes, bundlePartMagic);
}

function startsWith(bytes: Uint8Array, wanted: Uint8Array): boolean {
  return bytes.length >= wanted.length && wanted.every((byte, index) => bytes[index] === byte);
}

function magic(word: string): Uint8Array {
  return new TextEncoder().encode(`\0${word}\r\n\x1a`).with(0, 0x89);
}
