/**
 * Finds where a protocol begins. A login shell that prints (an `echo` in `.bashrc`, a message of the day) puts text
 * before the first byte; a real Nix gives up then, here it is stepped over and reported.
 */
import { continued, quotable } from './noise.ts';

export interface Greeting {
  /** Whether the far end's magic number was found. */
  readonly isFound: boolean;
  /** What came before it, for people; bounded. */
  readonly noise: string;
  /** Everything from the magic number on; empty where it wasn't found. */
  readonly rest: AsyncIterable<Uint8Array>;
}

export interface GreetingOptions {
  /** Called when ssh says that the connection stands: its local command prints `started` on a line of its own. */
  readonly onStarted?: (() => void) | undefined;
}

/** Text beyond this is not a greeting. */
const noiseMax = 64 * 1024;

const STARTED = Buffer.from('started\n');

/** Reads up to `magic`, the first number of the protocol, or to the end of the stream, or until there is too much. */
export async function findGreeting(
  readable: AsyncIterable<Uint8Array>,
  magic: number,
  options: GreetingOptions = {},
): Promise<Greeting> {
  const wanted = Buffer.alloc(8);
  wanted.writeBigUInt64LE(BigInt(magic));
  const source = readable[Symbol.asyncIterator]();
  let seen = Buffer.alloc(0);
  let isStarted = false;
  while (seen.length <= noiseMax) {
    const next = await source.next();
    if (next.done === true) break;
    seen = Buffer.concat([seen, next.value]);
    if (!isStarted && seen.length >= STARTED.length) {
      isStarted = true;
      if (seen.indexOf(STARTED) === 0) {
        options.onStarted?.();
        seen = seen.subarray(STARTED.length);
      }
    }
    const at = seen.indexOf(wanted);
    if (at >= 0) {
      const rest = continued(seen.subarray(at), source);
      return { isFound: true, noise: quotable(seen.subarray(0, at)), rest };
    }
  }
  return { isFound: false, noise: quotable(seen), rest: continued(new Uint8Array(0), source) };
}
