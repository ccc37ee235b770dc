/** Finds where what we asked for begins in what a host sends: login shells print greetings before it. */
import { continued, quotable } from '../wire/noise.ts';

export interface AfterMark {
  readonly isFound: boolean;
  /** What came before it, for people; bounded. */
  readonly noise: string;
  /** What follows the line with the mark; empty where it wasn't found. */
  readonly rest: AsyncIterable<Uint8Array>;
}

/** A shell that prints more than this before it begins never will. */
const noiseMaxBytes = 1 << 20;

/** Reads up to a line that consists of `mark`, or to the end. */
export async function findMark(
  readable: AsyncIterable<Uint8Array>,
  mark: string,
): Promise<AfterMark> {
  const wanted = Buffer.from(`\n${mark}\n`);
  const source = readable[Symbol.asyncIterator]();
  // It begins a line also at the very beginning.
  let seen = Buffer.from('\n');
  while (seen.length <= noiseMaxBytes) {
    const next = await source.next();
    if (next.done === true) break;
    const from = Math.max(0, seen.length - wanted.length);
    seen = Buffer.concat([seen, next.value]);
    const at = seen.indexOf(wanted, from);
    if (at >= 0) {
      const rest = continued(seen.subarray(at + wanted.length), source);
      return { isFound: true, noise: quotable(seen.subarray(0, at)), rest };
    }
  }
  return { isFound: false, noise: quotable(seen), rest: continued(new Uint8Array(0), source) };
}
