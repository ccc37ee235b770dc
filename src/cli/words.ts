/** Words on stdin, as `--stdin` takes them. */
import { FerryError } from '../error.ts';

/** More than any closure has paths to name. */
const BYTES_MAX = 64 << 20;

/** Separated by white space. @throws FerryError `usage` when it is no list of words, by its size. */
export async function wordsOf(stdin: AsyncIterable<Uint8Array>): Promise<string[]> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stdin) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > BYTES_MAX) {
      throw new FerryError('usage', `cannot read paths from stdin: more than ${BYTES_MAX} bytes`);
    }
  }
  return `${text}${decoder.decode()}`.split(/\s+/).filter((word) => word !== '');
}
