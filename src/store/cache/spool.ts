/**
 * Where a compressed NAR waits until its hash, and with it its name, is known: small ones in memory, others in a file
 * that is gone when the spool is disposed, unless it was moved into place by then.
 */
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { releaseChunk } from '../../bytes/release.ts';
import type { Hash } from '../../format/hash.ts';
import { makeDirectory } from '../../system/make-directory.ts';
import { translateOsError } from '../../system/os-error.ts';
import { temporaryName } from './file-objects.ts';
import type { SpooledFile } from './objects.ts';

/** Bytes of one NAR, and of all together, that stay in memory. */
const ONE_MAX = 1024 * 1024;
const ALL_MAX = 8 * 1024 * 1024;

/** The memory that spools share, and where files are made. */
export class SpoolRoom {
  readonly #directory: string;
  readonly #mode: number;
  #bytes = 0;

  /**
   * @param isPublic the directory is the cache's own, where what is spooled is to stay: with the modes of other files
   *   there. Elsewhere nobody else may read it.
   */
  constructor(directory: string, isPublic: boolean) {
    this.#directory = directory;
    this.#mode = isPublic ? 0o666 : 0o600;
  }

  reserve(bytes: number): boolean {
    if (this.#bytes + bytes > ALL_MAX) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** @throws FerryError `denied`, `no-space` */
  async createFile(): Promise<{ readonly path: string; readonly handle: FileHandle }> {
    const path = join(this.#directory, temporaryName());
    try {
      makeDirectory(this.#directory);
      return { path, handle: await open(path, 'wx', this.#mode) };
    } catch (error) {
      throw translateOsError(error, 'create', path);
    }
  }
}

export class Spool implements AsyncDisposable {
  readonly #room: SpoolRoom;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #file: string | undefined;
  #handle: FileHandle | undefined;
  #size = 0;

  constructor(room: SpoolRoom) {
    this.#room = room;
  }

  /** Takes all of `bytes`, whose chunks are its own from then on. @throws what `bytes` throws, FerryError `no-space` */
  async fill(bytes: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of bytes) {
      this.#size += chunk.length;
      if (this.#file === undefined && this.#size <= ONE_MAX && this.#room.reserve(chunk.length)) {
        this.#held += chunk.length;
        this.#chunks.push(chunk);
      } else {
        await this.#moveToFile();
        await this.#write(chunk);
      }
    }
    await this.#closeFile();
  }

  /** What `put` takes. @param sha256 of all that it was filled with */
  contents(sha256: Hash): Uint8Array | SpooledFile {
    if (this.#file !== undefined) return { file: this.#file, size: this.#size, sha256 };
    const [first, ...others] = this.#chunks;
    return first !== undefined && others.length === 0 ? first : Buffer.concat(this.#chunks);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#room.release(this.#held);
    this.#held = 0;
    this.#chunks = [];
    const file = this.#file;
    this.#file = undefined;
    await this.#handle?.close().catch(() => {});
    this.#handle = undefined;
    // Mostly it is gone: moved to its name in the cache.
    if (file !== undefined) await unlink(file).catch(() => {});
  }

  async #moveToFile(): Promise<void> {
    if (this.#file !== undefined) return;
    const { path, handle } = await this.#room.createFile();
    this.#file = path;
    this.#handle = handle;
    for (const chunk of this.#chunks) await this.#write(chunk);
    this.#chunks = [];
    this.#room.release(this.#held);
    this.#held = 0;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten = 0 } =
          (await this.#handle?.write(chunk, at, chunk.length - at)) ?? {};
        at += bytesWritten;
      }
    } catch (error) {
      throw translateOsError(error, 'write', this.#file ?? '');
    }
    releaseChunk(chunk);
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    try {
      await handle?.close();
    } catch (error) {
      throw translateOsError(error, 'write', this.#file ?? '');
    }
  }
}
