/**
 * ImportPaths: an export stream. What a path is called comes after its NAR, so the NAR waits in a temporary file, of
 * which there is one at a time.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FerryError } from '../error.ts';
import type { NarStream, PathToAdd } from '../store/store.ts';
import { readExport } from '../wire/export-stream.ts';
import { importPaths } from '../wire/serve/protocol.ts';
import type { StorePath } from '../format/store-path.ts';
import { StreamingHash, type Hash } from '../format/hash.ts';
import { sendAnswer, type ServeSession } from './serve-session.ts';

export async function answerImport(session: ServeSession): Promise<void> {
  const { store, signal } = session;
  if (store.addPaths === undefined)
    throw new FerryError('denied', 'importing paths is not allowed');
  const directory = await mkdtemp(join(tmpdir(), 'ferry-import-'));
  try {
    await store.addPaths(importedPaths(session, join(directory, 'nar')), {
      checkSigs: false,
      signal,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  await sendAnswer(session, importPaths, undefined);
}

async function* importedPaths(
  { reader, context }: ServeSession,
  file: string,
): AsyncGenerator<PathToAdd> {
  for await (const { nar, readTrailer } of readExport(reader, context.storeDir)) {
    const digest = await spool(nar, file);
    const { path, references, deriver } = await readTrailer();
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
    await handle.writeFile(chunk);
  }
  return { narSize: hash.size, narHash: hash.finish() };
}

function fromFile(path: StorePath, file: string): NarStream {
  return {
    path,
    async *[Symbol.asyncIterator]() {
      yield* createReadStream(file, { highWaterMark: 256 * 1024 });
    },
  };
}
