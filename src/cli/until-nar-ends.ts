/** The bytes of a NAR out of a stream that may go on after it. */
import { NarDecoder } from '../format/nar/decoder.ts';
import { ignoreNar } from '../format/nar/visitor.ts';

/** Nothing is asked for once the NAR has ended. @throws FerryError `corrupt` where it isn't one, or ends too early */
export async function* untilNarEnds(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const decoder = new NarDecoder(ignoreNar);
  for await (const chunk of bytes) {
    // First: whoever takes the chunk may give its memory away.
    const taken = decoder.push(chunk);
    if (taken > 0) yield taken < chunk.length ? chunk.subarray(0, taken) : chunk;
    if (decoder.done) return;
  }
  decoder.finish();
}
