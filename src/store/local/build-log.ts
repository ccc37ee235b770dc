/**
 * Logs of builds on this machine: `drvs/<two characters>/<the rest of the derivation's name>` below the log directory,
 * as text or compressed by bzip2, as Nix's settings had it.
 */
import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  fstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { crypto } from '../../format/crypto.ts';
import type { StorePath } from '../../format/store-path.ts';
import { decompress } from '../../system/compression/decompress.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import { makeDirectory } from './directories.ts';

/** The log of a derivation's build, uncompressed; undefined where there is none. @throws FerryError `denied` */
export function readBuildLog(
  logDir: string,
  drv: StorePath,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> | undefined {
  // Releases before 1.1 kept them all in one directory; Nix still looks there.
  for (const file of [logFile(logDir, drv), join(logDir, 'drvs', drv)]) {
    const plain = openFile(file);
    if (plain !== undefined) return contentsOf(plain, file);
    const packed = openFile(`${file}.bz2`);
    if (packed !== undefined) return decompress('bzip2', contentsOf(packed, file), { signal });
  }
  return undefined;
}

/** Keeps a log; one that is there stays as it is. It is kept as text, which every release of Nix reads. */
export async function addBuildLog(
  logDir: string,
  drv: StorePath,
  log: AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = logFile(logDir, drv);
  if (existsSync(file) || existsSync(`${file}.bz2`)) return;
  makeDirectory(dirname(file));
  const temporary = `${file}.tmp-${process.pid}-${crypto().randomBytes(6).toString('hex')}`;
  try {
    const fd = openSync(temporary, 'wx', 0o644);
    try {
      for await (const chunk of log) {
        for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
      }
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw translateOsError(error, 'write', file);
  }
}

function logFile(logDir: string, drv: StorePath): string {
  return join(logDir, 'drvs', drv.slice(0, 2), drv.slice(2));
}

/** A regular file: a pipe in its place would be waited for. */
function openFile(file: string): number | undefined {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    return undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return undefined;
    throw translateOsError(error, 'read', file);
  }
}

async function* contentsOf(fd: number, file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { fd }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
}
