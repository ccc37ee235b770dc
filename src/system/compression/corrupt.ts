/** How it is said that something can't be decompressed. */
import { FerryError, messageOf } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';

/** @param offset bytes into the compressed input, where it is known */
export function cannotDecompress(
  compression: Compression,
  reason: string,
  details: { readonly offset?: number; readonly cause?: unknown } = {},
): FerryError {
  const { offset } = details;
  const where = offset === undefined ? '' : ` at byte ${offset}`;
  return new FerryError('corrupt', `cannot decompress ${compression}: ${reason}${where}`, details);
}

export function isCutShort(
  compression: Compression,
  offset: number,
  details: { readonly cause?: unknown } = {},
): FerryError {
  return cannotDecompress(compression, 'it is cut short', { ...details, offset });
}

export function hasGarbage(compression: Compression, offset: number): FerryError {
  return cannotDecompress(compression, 'something else follows its end', { offset });
}

/** Translates an error of the library that does the work. */
export function libraryError(compression: Compression, error: unknown): FerryError {
  const reason = messageOf(error)
    .toLowerCase()
    .replace(/[.\s]+$/, '');
  return cannotDecompress(compression, reason, { cause: error });
}
