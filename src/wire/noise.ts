/** What a login shell prints before the program that it was to start: quoted for people, and passed over. */
import { plainText } from './transport.ts';

/** Characters of it that are quoted. */
const quotedMax = 500;

/** For a message: plain, and cut off where it is long. */
export function quotable(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, quotedMax * 4)).toString('utf8');
  const text = plainText(start).trim();
  return text.length > quotedMax ? `${text.slice(0, quotedMax)}…` : text;
}

/** `first`, which was read already, and what is left of where it came from. */
export async function* continued(
  first: Uint8Array,
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      yield next.value;
    }
  } finally {
    await source.return?.();
  }
}
