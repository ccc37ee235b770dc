/**
 * ImportPaths: an export stream. What a path is called comes after its NAR, so the NAR waits in a temporary file, of
 * which there is one at a time.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FerryError } from '../error.ts';
import { StreamingHash } from '../format/hash.ts';
import { NarDecoder } from '../format/nar/decoder.ts';
import { ignoreNar } from '../format/nar/visitor.ts';
import type { NarStream, PathToAdd } from '../store/store.ts';
import { exportTrailer } from '../wire/export-trailer.ts';
import { importPaths } from '../wire/serve/protocol.ts';
import type { StorePath } from '../format/store-path.ts';
import type { Hash } from '../format/hash.ts';
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

async function* importedPaths(session: ServeSession, file: string): AsyncGenerator<PathToAdd> {
  const { reader, context } = session;
  for (;;) {
    const mark = await reader.u64();
    if (mark === 0) return;
    if (mark !== 1) {
      throw new FerryError(
        'corrupt',
        `input doesn't look like something created by 'nix-store --export': found ${mark}, wanted 0 or 1`,
        { offset: reader.offset - 8 },
      );
    }
    const digest = await spool(session, file);
    const { path, references, deriver } = await exportTrailer.read(reader, context);
    const info = { path, references, deriver, ...digest, signatures: [] };
    yield { info, nar: fromFile(path, file) };
  }
}

/** Writes the NAR that comes next to a file. Its end is found by its own structure. */
async function spool(
  { reader }: ServeSession,
  file: string,
): Promise<{ narHash: Hash; narSize: number }> {
  const hash = new StreamingHash();
  const decoder = new NarDecoder(ignoreNar);
  await using handle = await open(file, 'w', 0o600);
  while (!decoder.done) {
    const bytes = await reader.peek();
    if (bytes.length === 0) decoder.finish();
    const nar = bytes.subarray(0, decoder.push(bytes));
    reader.skip(nar.length);
    hash.update(nar);
    await handle.writeFile(nar);
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
