/** Output of many small pieces, written a good deal at a time. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { Output } from './context.ts';

/** Characters after which it is time to write. */
const ENOUGH = 64 * 1024;

/** Where the pieces end in an error, those before it are written first. */
export async function printPieces(
  output: Pick<Output, 'write'>,
  pieces: Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  let some: string[] = [];
  let size = 0;
  const write = async (): Promise<void> => {
    if (size === 0) return;
    const text = some.join('');
    some = [];
    size = 0;
    await output.write(text);
    // Files take all at once: a signal must get its turn all the same.
    await breathe();
  };
  try {
    // Not awaited one by one where they are there already: there may be a million.
    if (Symbol.iterator in pieces) {
      for (const piece of pieces) {
        some.push(piece);
        if ((size += piece.length) >= ENOUGH) await write();
      }
    } else {
      for await (const piece of pieces) {
        some.push(piece);
        if ((size += piece.length) >= ENOUGH) await write();
      }
    }
  } finally {
    await write();
  }
}
