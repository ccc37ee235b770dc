/** Reads a NAR that comes as a stream: tells a visitor of it, and refuses what follows it. */
import { FerryError } from '../error.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import type { NarVisitor } from '../format/nar/visitor.ts';

/**
 * @param afterChunk is waited for after each chunk was told of: whoever writes what it heard, writes it there.
 * @throws FerryError `corrupt`
 */
export async function decodeNar(
  bytes: AsyncIterable<Uint8Array>,
  visitor: NarVisitor,
  afterChunk: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const decoder = new NarDecoder(visitor);
  for await (const chunk of bytes) {
    if (decoder.push(chunk) < chunk.length) {
      throw new FerryError('corrupt', `NAR ends at byte ${decoder.offset}, but bytes follow`, {
        offset: decoder.offset,
      });
    }
    await afterChunk();
  }
  decoder.finish();
}
