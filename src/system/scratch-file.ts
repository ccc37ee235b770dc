/** A file without a name: bytes that are too many for memory, to be read again and again. Gone when it is disposed. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { crypto } from '../format/crypto.ts';
import { translateOsError } from './os-error.ts';

const CHUNK_BYTES = 256 << 10;

export interface ScratchFile extends Disposable {
  append(bytes: Uint8Array): void;
  /** All of it from the beginning; each chunk is the reader's. */
  read(): AsyncIterable<Uint8Array>;
}

/** Only its owner could read it, and only before this has returned. @throws FerryError `denied`, `no-space` */
export function openScratchFile(): ScratchFile {
  const path = join(tmpdir(), `ferry-${process.pid}-${crypto().randomBytes(8).toString('hex')}`);
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
  } catch (error) {
    throw translateOsError(error, 'create', path);
  }
  let size = 0;
  let isOpen = true;
  return {
    append(bytes) {
      try {
        for (let at = 0; at < bytes.length; ) {
          at += writeSync(fd, bytes, at, bytes.length - at, size + at);
        }
      } catch (error) {
        throw translateOsError(error, 'write', path);
      }
      size += bytes.length;
    },
    async *read() {
      for (let at = 0; at < size; ) {
        await breathe();
        const chunk = new Uint8Array(Math.min(CHUNK_BYTES, size - at));
        const count = readSync(fd, chunk, 0, chunk.length, at);
        if (count === 0) return;
        at += count;
        yield chunk.subarray(0, count);
      }
    },
    [Symbol.dispose]() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}
