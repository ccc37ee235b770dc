/** Small objects that are made here: narinfos, listings, logs. */
import type { Compression } from '../../format/compression.ts';
import { compress } from '../../system/compression/compress.ts';
import type { Objects } from './objects.ts';

export interface TextObject {
  readonly contentType: string;
  /** A Content-Encoding; its names are those that HTTP has. */
  readonly encoding?: Compression | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function putText(
  objects: Objects,
  key: string,
  text: string | Uint8Array,
  { contentType, encoding = 'none', signal }: TextObject,
): Promise<void> {
  const plain = typeof text === 'string' ? Buffer.from(text) : text;
  if (encoding === 'none') {
    await objects.put(key, plain, { contentType, signal });
    return;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of compress(encoding, oneChunk(plain), { signal })) chunks.push(chunk);
  const encoded = Buffer.concat(chunks);
  await objects.put(key, encoded, { contentType, contentEncoding: encoding, signal });
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
