/**
 * Unpacks a NAR out of a file on this machine, as caches in directories have them: reading, checking, decompressing and
 * writing on one thread with one buffer, so that no byte of it passes the main thread.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { readU64 } from '../../bytes/byte-reader.ts';
import { FerryError } from '../../error.ts';
import { formatHash, hashesEqual, StreamingHash } from '../../format/hash.ts';
import type { FileRange, NarFile } from '../tree-jobs.ts';
import { CompressedUnpacker } from './compressed-unpacker.ts';
import { StreamUnpacker, type JobContext } from './jobs.ts';
import type { JobResult, UnpackJob } from './messages.ts';

const BUFFER_BYTES = 256 * 1024;
/** One for all jobs of the thread, which come one after the other. */
const buffer = new Uint8Array(BUFFER_BYTES);

/**
 * On failure nothing is left of the target.
 * @throws FerryError `corrupt` where the file is another one than was said, or its contents are no NAR
 */
export function unpackFile(nar: NarFile, job: UnpackJob, context: JobContext): JobResult {
  // Whatever lies there instead of a file, a pipe for one, must not make us wait.
  const fd = openSync(nar.file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw new FerryError('corrupt', 'it is not a regular file');
    const check = new FileCheck(nar);
    // Known before anything is made of it.
    if (nar.within === undefined && found.size !== (nar.bytes ?? found.size)) {
      throw wrongSize(found.size, nar.bytes);
    }
    using plain = new StreamUnpacker(job, context);
    using unpacker =
      nar.compression === 'none' ? plain : new CompressedUnpacker(nar.compression, plain);
    const read =
      nar.within === undefined ? readAll(fd) : readPieces(fd, nar.within, nar.bytes ?? 0);
    for (const chunk of read) {
      context.checkpoint();
      check.update(chunk);
      unpacker.push(chunk);
    }
    check.finish();
    return unpacker.end();
  } finally {
    closeSync(fd);
  }
}

/** Each chunk is the buffer again. */
function* readAll(fd: number): Generator<Uint8Array, void, undefined> {
  for (;;) {
    const count = readSync(fd, buffer, 0, BUFFER_BYTES, null);
    if (count === 0) break;
    yield buffer.subarray(0, count);
  }
}

function* readPieces(
  fd: number,
  { offset, pieceBytes }: FileRange,
  bytes: number,
): Generator<Uint8Array, void, undefined> {
  const head = new Uint8Array(8);
  let at = offset;
  for (let left = bytes; left >= 0; left -= pieceBytes) {
    const size = Math.min(left, pieceBytes);
    at += readSync(fd, head, 0, head.length, at);
    if (readU64(head, 0) !== size) {
      throw new FerryError(
        'corrupt',
        `no piece of ${size} bytes begins at byte ${at - head.length}`,
      );
    }
    for (const end = at + size; at < end; ) {
      const count = readSync(fd, buffer, 0, Math.min(BUFFER_BYTES, end - at), at);
      if (count === 0) throw new FerryError('corrupt', `it ends at byte ${at}`);
      at += count;
      yield buffer.subarray(0, count);
    }
  }
}

/** Whether the file is the one that was said. */
class FileCheck {
  readonly #nar: NarFile;
  readonly #hash: StreamingHash | undefined;
  #size = 0;

  constructor(nar: NarFile) {
    this.#nar = nar;
    this.#hash = nar.hash && new StreamingHash(nar.hash.algorithm);
  }

  update(chunk: Uint8Array): void {
    const { bytes, bytesMax } = this.#nar;
    this.#size += chunk.length;
    const max = Math.min(bytes ?? bytesMax, bytesMax);
    if (this.#size > max) throw new FerryError('corrupt', `it is longer than ${max} bytes`);
    this.#hash?.update(chunk);
  }

  finish(): void {
    const { bytes, hash: wanted } = this.#nar;
    if (this.#size !== (bytes ?? this.#size)) throw wrongSize(this.#size, bytes);
    const got = this.#hash?.finish();
    if (wanted !== undefined && got !== undefined && !hashesEqual(wanted, got)) {
      const problem = `it has hash ${formatHash(got)} instead of ${formatHash(wanted)}`;
      throw new FerryError('corrupt', problem);
    }
  }
}

function wrongSize(size: number, wanted: number | undefined): FerryError {
  return new FerryError('corrupt', `it has ${size} bytes instead of ${wanted}`);
}
