/**
 * The files that a bundle is written into, until they get their names: one, or parts of a size each. As bytes they are
 * one; they are only appended to, and cut back to where an interrupted export was whole.
 */
import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { releaseChunk } from '../../bytes/release.ts';
import { FerryError } from '../../error.ts';
import { encodePartHeader, partHeaderBytes, partName, partsMax } from '../../format/bundle/part.ts';
import { StreamingHash } from '../../format/hash.ts';
import { translateOsError } from '../../system/os-error.ts';

/** What a file is called until it is whole. */
export const partialSuffix = '.part';

const CHUNK_BYTES = 1024 * 1024;

interface OpenPart {
  readonly name: string;
  readonly handle: FileHandle;
  readonly number: number;
  /** Which byte of the bundle is its first. */
  readonly offset: number;
  /** Of what is in it, where parts have headers. */
  hash: StreamingHash;
  size: number;
}

export class PartFiles implements AsyncDisposable {
  readonly #file: string;
  /** Bytes of the bundle that go into a part; undefined where there is but one file, without a header. */
  readonly #capacity: number | undefined;
  #id: Uint8Array | undefined;
  #current: OpenPart | undefined;

  /** @param partBytes the most that a part has, its header included */
  constructor(file: string, partBytes: number | undefined) {
    this.#file = file;
    this.#capacity = partBytes === undefined ? undefined : partBytes - partHeaderBytes;
  }

  /** The name of a part once it is whole. */
  nameOf(number: number): string {
    return this.#capacity === undefined ? this.#file : partName(this.#file, number);
  }

  /** Says which bundle it is, which the headers of parts have. */
  setId(id: Uint8Array): void {
    this.#id = id;
  }

  /** What an earlier export left, from its first byte. Where parts aren't of the size they have now it ends. */
  async *existing(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
    for (let number = 1; number <= partsMax; number++) {
      const name = this.#partialName(number);
      const handle = await openThere(name);
      if (handle === undefined) return;
      try {
        const start = this.#headBytes;
        for (let at = start; ; ) {
          signal?.throwIfAborted();
          const chunk = new Uint8Array(CHUNK_BYTES);
          const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
          if (bytesRead === 0) {
            if (at - start !== this.#capacity) return;
            break;
          }
          at += bytesRead;
          if (this.#capacity !== undefined && at - start > this.#capacity) return;
          yield chunk.subarray(0, bytesRead);
        }
      } finally {
        await handle.close();
      }
    }
  }

  /** Keeps so much of what is there, and goes on after it. 0 begins afresh. */
  async keep(size: number, signal: AbortSignal | undefined): Promise<void> {
    const capacity = this.#capacity ?? Number.POSITIVE_INFINITY;
    const number = Math.max(1, Math.ceil(size / capacity));
    // The last first: what an end in between leaves is the beginning of a bundle all the same.
    for (let last = await this.#lastThere(); last > number; last--) {
      await rm(this.#partialName(last), { force: true });
    }
    const offset = number === 1 ? 0 : (number - 1) * capacity;
    const current = await this.#open(number, offset);
    const kept = size - offset;
    await translated('write', current.name, () => current.handle.truncate(this.#headBytes + kept));
    if (this.#capacity !== undefined) await rehash(current, kept, signal);
    current.size = kept;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const capacity = this.#capacity ?? Number.POSITIVE_INFINITY;
    for (let rest = bytes; rest.length > 0; ) {
      const current = this.#requireCurrent();
      if (current.size === capacity) {
        await this.#finishPart(current, false);
        const next = await this.#open(current.number + 1, current.offset + current.size);
        // Whatever lies there came after the last part that was kept.
        await translated('write', next.name, () => next.handle.truncate(0));
        continue;
      }
      const some = rest.subarray(0, capacity - current.size);
      rest = rest.subarray(some.length);
      if (this.#capacity !== undefined) current.hash.update(some);
      await this.#append(current, some);
    }
    releaseChunk(bytes);
  }

  /** All parts are whole and on the disk, still under their other names. @returns how many there are */
  async finish(): Promise<number> {
    const last = this.#requireCurrent();
    await this.#finishPart(last, true);
    return last.number;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.handle.close();
  }

  get #headBytes(): number {
    return this.#capacity === undefined ? 0 : partHeaderBytes;
  }

  #partialName(number: number): string {
    return `${this.nameOf(number)}${partialSuffix}`;
  }

  #requireCurrent(): OpenPart {
    if (this.#current !== undefined) return this.#current;
    throw new FerryError('internal', 'a bundle was written to before it was begun');
  }

  async #lastThere(): Promise<number> {
    if (this.#capacity === undefined) return 1;
    for (let number = 1; number <= partsMax; number++) {
      const handle = await openThere(this.#partialName(number));
      if (handle === undefined) return number - 1;
      await handle.close();
    }
    return partsMax;
  }

  async #open(number: number, offset: number): Promise<OpenPart> {
    if (number > partsMax) {
      throw new FerryError(
        'usage',
        `cannot split "${this.#file}": it has more than ${partsMax} parts`,
        {
          hint: 'take a larger --split',
        },
      );
    }
    const name = this.#partialName(number);
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
    const handle = await translated('create', name, () =>
      open(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666),
    );
    const part = { name, handle, number, offset, hash: new StreamingHash('sha256'), size: 0 };
    this.#current = part;
    return part;
  }

  async #append(part: OpenPart, bytes: Uint8Array): Promise<void> {
    await translated('write', part.name, async () => {
      for (let at = 0; at < bytes.length; ) {
        const place = this.#headBytes + part.size;
        const { bytesWritten } = await part.handle.write(bytes, at, bytes.length - at, place);
        at += bytesWritten;
        part.size += bytesWritten;
      }
    });
  }

  async #finishPart(part: OpenPart, isLast: boolean): Promise<void> {
    const { name, handle, number, offset, size } = part;
    await translated('write', name, async () => {
      if (this.#capacity !== undefined) {
        const { digest: hash } = part.hash.finish();
        const id = this.#id ?? new Uint8Array();
        const header = encodePartHeader({ id, number, isLast, offset, size, hash });
        await handle.write(header, 0, header.length, 0);
      }
      await handle.sync();
      await handle.close();
    });
    this.#current = undefined;
  }
}

/** The hash of what was there before goes on with what comes. */
async function rehash(
  part: OpenPart,
  size: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let at = 0; at < size; ) {
    signal?.throwIfAborted();
    const length = Math.min(chunk.length, size - at);
    const { bytesRead } = await part.handle.read(chunk, 0, length, partHeaderBytes + at);
    if (bytesRead === 0) throw new FerryError('conflict', `"${part.name}" was cut meanwhile`);
    part.hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** A regular file that is there, to be read; no link is followed. */
export async function openThere(name: string): Promise<FileHandle | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let handle: FileHandle;
  try {
    handle = await open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}

async function translated<T>(doing: string, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translateOsError(error, doing, name);
  }
}
