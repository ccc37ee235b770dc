/** A stream that somebody compressed on the way, undone: which method it was shows at its beginning. */
import type { Compression } from '../format/compression.ts';
import { peekAt } from '../store/bundle/peek-at.ts';

const BEGINNINGS: readonly (readonly [Compression, readonly number[]])[] = [
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['lzip', [0x4c, 0x5a, 0x49, 0x50]],
];
const LONGEST = 6;

/**
 * For streams whose own beginning is none of these.
 * @throws FerryError `corrupt` while it is read, where it is cut short or malformed
 */
export async function uncompressed(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { first, all } = await peekAt(bytes, LONGEST);
  const found = BEGINNINGS.find(([, beginning]) =>
    beginning.every((byte, index) => first[index] === byte),
  );
  if (found === undefined) return all;
  const { decompress } = await import('../system/compression/decompress.ts');
  return decompress(found[0], all, { signal });
}
