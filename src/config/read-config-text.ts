/** Reads the text of a configuration file: whatever kind of file it is, it takes neither for ever nor all memory. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { FerryError, messageOf } from '../error.ts';
import { errnoOf } from '../system/os-error.ts';

export type ConfigText =
  | { readonly state: 'read'; readonly text: string }
  | { readonly state: 'absent' }
  | { readonly state: 'unreadable'; readonly why: string };

/** Bytes of one file. */
const SIZE_MAX = 1 << 20;
/** For so long a pipe may have nothing to read: what a shell makes of `<(…)` is written at once. */
const PIPE_WAIT_MS = 5000;
const PIPE_POLL_MS = 5;

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  EAGAIN: 'it is a pipe, and nobody wrote to it',
  ENXIO: 'it is a socket',
};

/** @throws FerryError `usage` for what is too large. */
export function readConfigText(file: string): ConfigText {
  let descriptor: number;
  try {
    // Without it a pipe that nobody writes to would be waited for.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return failureOf(error);
  }
  try {
    return { state: 'read', text: readAll(file, descriptor) };
  } catch (error) {
    if (error instanceof FerryError) throw error;
    return failureOf(error);
  } finally {
    closeSync(descriptor);
  }
}

function readAll(file: string, descriptor: number): string {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(65536);
    const count = readSome(descriptor, chunk);
    if (count === 0) return Buffer.concat(chunks).toString('utf8');
    chunks.push(chunk.subarray(0, count));
    size += count;
    if (size > SIZE_MAX) {
      throw new FerryError('usage', `cannot read "${file}": it has more than ${SIZE_MAX} bytes`);
    }
  }
}

function readSome(descriptor: number, chunk: Uint8Array): number {
  for (let waitedMs = 0; ; waitedMs += PIPE_POLL_MS) {
    try {
      return readSync(descriptor, chunk);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN' || waitedMs >= PIPE_WAIT_MS) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_POLL_MS);
    }
  }
}

function failureOf(error: unknown): ConfigText {
  const code = errnoOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return { state: 'absent' };
  return { state: 'unreadable', why: whyOf(error) };
}

function whyOf(error: unknown): string {
  const errno = errnoOf(error) ?? '';
  return REASONS[errno] ?? messageOf(error);
}
