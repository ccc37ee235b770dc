/**
 * Unpacks archives as people publish sources: tar, compressed in any way that is known, and zip. The programs of the
 * system do it, as nobody but root may be trusted with what an archive names: they write below the directory alone.
 */
import { createReadStream, closeSync, openSync, readSync } from 'node:fs';
import { FerryError } from '../error.ts';
import type { Compression } from '../format/compression.ts';
import { decompress } from './compression/decompress.ts';
import { translateOsError } from './os-error.ts';
import { startProcess } from './process.ts';

/** How files begin. */
const SIGNATURES: readonly (readonly [string, Compression | 'zip'])[] = [
  ['1f8b', 'gzip'],
  ['425a68', 'bzip2'],
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
  ['4c5a4950', 'lzip'],
  ['504b0304', 'zip'],
];

/**
 * @param directory there, and empty.
 * @throws FerryError `corrupt` for what is no archive, `not-found` where the program for it is missing
 */
export async function unpackArchive(
  file: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const kind = kindOf(file);
  if (kind === 'zip') {
    await run('unzip', ['-q', file, '-d', directory], undefined, signal);
    return;
  }
  const bytes = createReadStream(file) as AsyncIterable<Uint8Array>;
  const plain = kind === 'none' ? bytes : decompress(kind, bytes, { signal });
  const flags = ['-x', '-f', '-', '-C', directory, '--no-same-owner', '--no-same-permissions'];
  await run('tar', flags, plain, signal);
}

function kindOf(file: string): Compression | 'zip' {
  const head = Buffer.alloc(6);
  try {
    const fd = openSync(file, 'r');
    try {
      readSync(fd, head, 0, head.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
  const digits = head.toString('hex');
  return SIGNATURES.find(([signature]) => digits.startsWith(signature))?.[1] ?? 'none';
}

async function run(
  program: string,
  args: readonly string[],
  input: AsyncIterable<Uint8Array> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const child = await startProcess(program, args);
  const onAbort = (): void => void child.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    // tar has no more to say once it has seen the end of the archive, and may hang up on what follows it.
    if (input !== undefined) await feed(child, input);
    child.end();
    for await (const _ of child.readable);
    const { status } = await child.exited;
    signal.throwIfAborted();
    if (status === 0) return;
    const { said } = await child.ending();
    throw new FerryError(
      'corrupt',
      `cannot unpack the archive: ${program} says: ${said || 'nothing'}`,
    );
  } finally {
    signal.removeEventListener('abort', onAbort);
    await child.abort();
  }
}

async function feed(
  child: Awaited<ReturnType<typeof startProcess>>,
  input: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const chunk of input) {
    try {
      await child.write(chunk);
    } catch {
      return;
    }
  }
}
