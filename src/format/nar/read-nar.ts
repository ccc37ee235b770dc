/** A NAR in the middle of a longer stream: it has no length in front, its own structure tells where it ends. */
import type { ByteReader } from '../../bytes/byte-reader.ts';
import { NarDecoder } from './decoder.ts';
import { ignoreNar } from './visitor.ts';

/**
 * The NAR that begins at the reader, chunk by chunk, checked on the way. Once it is used up the reader is at what
 * follows; what is left in the middle stays in the middle.
 * @throws FerryError `corrupt`, with the offset in the NAR
 */
export async function* readNar(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new NarDecoder(ignoreNar);
  while (!decoder.done) {
    const bytes = await reader.peek();
    let size: number;
    try {
      if (bytes.length === 0) decoder.finish();
      size = decoder.push(bytes);
    } catch (error) {
      throw reader.fail(error);
    }
    reader.skip(size);
    yield bytes.subarray(0, size);
  }
}
