/** Logs of builds in a cache, `log/<derivation>`. Nix keeps them as they are or compressed by whatever method it likes. */
import { StreamingHash } from '../../format/hash.ts';
import type { Compression } from '../../format/compression.ts';
import type { StorePath } from '../../format/store-path.ts';
import { compress } from '../../system/compression/compress.ts';
import { decompress } from '../../system/compression/decompress.ts';
import type { Objects } from './objects.ts';
import { Spool, type SpoolRoom } from './spool.ts';

/** Bytes by which files of these methods begin; brotli has none, and comes as a Content-Encoding alone. */
const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
];
const MAGIC_LENGTH_MAX = 6;

function logKey(drv: StorePath): string {
  return `log/${drv}`;
}

export async function readBuildLog(
  objects: Objects,
  drv: StorePath,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const body = await objects.get(logKey(drv), { signal });
  return body && plainLog(body.bytes, signal);
}

async function* plainLog(
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = bytes[Symbol.asyncIterator]();
  const head: Uint8Array[] = [];
  let length = 0;
  try {
    while (length < MAGIC_LENGTH_MAX) {
      const next = await iterator.next();
      if (next.done === true) break;
      head.push(next.value);
      length += next.value.length;
    }
    const all = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield* head;
      yield* { [Symbol.asyncIterator]: () => iterator };
    };
    const begins = Buffer.concat(head);
    const [compression = 'none'] =
      MAGIC.find(([, magic]) => magic.every((byte, index) => begins[index] === byte)) ?? [];
    yield* compression === 'none' ? all() : decompress(compression, all(), { signal });
  } finally {
    await iterator.return?.();
  }
}

export async function addBuildLog(
  objects: Objects,
  room: SpoolRoom,
  { drv, log }: { readonly drv: StorePath; readonly log: AsyncIterable<Uint8Array> },
  { encoding = 'none', signal }: { encoding: Compression | undefined; signal: AbortSignal },
): Promise<void> {
  await using spool = new Spool(room);
  const hash = new StreamingHash('sha256');
  const hashed = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of compress(encoding, log, { signal })) {
      signal.throwIfAborted();
      hash.update(chunk);
      yield chunk;
    }
  };
  await spool.fill(hashed());
  await objects.put(logKey(drv), spool.contents(hash.finish()), {
    contentType: 'text/plain; charset=utf-8',
    ...(encoding === 'none' ? {} : { contentEncoding: encoding }),
    signal,
  });
}
