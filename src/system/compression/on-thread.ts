import type { Compression } from '../../format/compression.ts';
import { FerryError } from '../../error.ts';
export async function* decompressOnThread(
  c: Compression,
  _bytes: AsyncIterable<Uint8Array>,
  _signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  throw new FerryError('internal', c);
}
