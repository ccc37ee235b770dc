/**
 * Export streams into any store. One on this machine takes them in as they come; to others a path must be told before
 * its contents, and here it comes after them: so each NAR waits in a temporary file, of which there is one at a time.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteReader } from '../bytes/byte-reader.ts';
import { FerryError } from '../error.ts';
import { StreamingHash, type Hash } from '../format/hash.ts';
import type { StorePath } from '../format/store-path.ts';
import type { ImportOptions, NarStream, PathToAdd, Store } from '../store/store.ts';
import { translateOsError } from '../system/os-error.ts';
import { readExport } from '../wire/export-stream.ts';

const CHUNK_BYTES = 256 << 10;

/**
 * Adds the paths of a stream. Afterwards the reader is just behind it.
 * @throws FerryError `unsupported` for a store that can't be written to, `corrupt` for what is no such stream
 */
export async function importPaths(
  store: Store,
  reader: ByteReader,
  options: ImportOptions = {},
): Promise<void> {
  if (store.importPaths !== undefined) return await store.importPaths(reader, options);
  if (store.addPaths === undefined) {
    throw new FerryError('unsupported', `cannot write to "${store.uri}"`);
  }
  const { signal, onImported, onBytes } = options;
  const directory = await mkdtemp(join(tmpdir(), 'ferry-import-'));
  const sizes = new Map<StorePath, number>();
  try {
    await store.addPaths(spooledPaths(store, reader, join(directory, 'nar'), sizes), {
      checkSigs: false,
      signal,
      onAdded(path) {
        onImported?.(path, { wasValid: false, narSize: sizes.get(path) ?? 0 });
        sizes.delete(path);
      },
      onBytes: onBytes && ((_, bytes) => onBytes(bytes)),
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function* spooledPaths(
  { storeDir }: Store,
  reader: ByteReader,
  file: string,
  sizes: Map<StorePath, number>,
): AsyncGenerator<PathToAdd> {
  for await (const { nar, readTrailer } of readExport(reader, storeDir)) {
    const digest = await spool(nar, file);
    const { path, references, deriver } = await readTrailer();
    sizes.set(path, digest.narSize);
    yield {
      info: { path, references, deriver, ...digest, signatures: [] },
      nar: fromFile(path, file),
    };
  }
}

async function spool(
  nar: AsyncIterable<Uint8Array>,
  file: string,
): Promise<{ narHash: Hash; narSize: number }> {
  const hash = new StreamingHash();
  await using handle = await open(file, 'w', 0o600);
  for await (const chunk of nar) {
    hash.update(chunk);
    try {
      await handle.writeFile(chunk);
    } catch (error) {
      throw translateOsError(error, 'write', file);
    }
  }
  return { narSize: hash.size, narHash: hash.finish() };
}

function fromFile(path: StorePath, file: string): NarStream {
  return {
    path,
    async *[Symbol.asyncIterator]() {
      yield* createReadStream(file, { highWaterMark: CHUNK_BYTES });
    },
  };
}
