/** Looks at the beginning of a stream, which is then read as if nobody had. */

export interface Peeked {
  /** So many bytes, or all of a shorter stream. */
  readonly first: Uint8Array;
  /** The whole stream, to be read once. */
  readonly all: AsyncIterable<Uint8Array>;
}

export async function peekAt(bytes: AsyncIterable<Uint8Array>, size: number): Promise<Peeked> {
  const source = bytes[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let isEnded = false;
  for (let have = 0; have < size && !isEnded; ) {
    const next = await source.next();
    if (next.done === true) {
      isEnded = true;
    } else {
      chunks.push(next.value);
      have += next.value.length;
    }
  }
  const first = new Uint8Array(Buffer.concat(chunks).subarray(0, size));
  return { first, all: rest(chunks, source) };
}

async function* rest(
  chunks: readonly Uint8Array[],
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* chunks;
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      yield next.value;
    }
  } finally {
    await source.return?.();
  }
}
