/**
 * The objects of a cache in a directory, `file://`. What is written appears under its name by a rename, so that readers
 * see all of it or nothing; what a killed process leaves has a name that nobody asks for, and is removed after a day.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  type Stats,
} from 'node:fs';
import { open, opendir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FerryError, messageOf } from '../../error.ts';
import { makeDirectory } from '../../system/make-directory.ts';
import { errnoOf, translateOsError } from '../../system/os-error.ts';
import type { CallOptions } from '../store.ts';
import { checkObjectKey } from './object-key.ts';
import type {
  ObjectBody,
  ObjectHead,
  Objects,
  PutOptions,
  ReadOptions,
  SpooledFile,
} from './objects.ts';

export interface FileObjectsOptions {
  /** Absolute. It is made by the first `put`. */
  readonly directory: string;
  /** Whether what is put outlasts a loss of power (setting `fsync-store-paths`). */
  readonly sync?: boolean | undefined;
  /** Whether there is to be a `debuginfo/` too. */
  readonly indexDebugInfo?: boolean | undefined;
}

/** Directories that Nix makes in a cache. */
const DIRECTORIES = ['nar', 'log', 'realisations'] as const;
/** Ends the names of files that are being written. */
const TEMPORARY = '.ferry-tmp';
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000;
/** Bytes of the chunks that are read. */
const CHUNK_SIZE = 512 * 1024;
/** System calls under way: more are no faster, and each may block a thread of the pool. */
const CONCURRENCY = 8;

export function openFileObjects(options: FileObjectsOptions): Objects {
  return new FileObjects(options);
}

class FileObjects implements Objects {
  readonly uri: string;
  readonly concurrency: number = CONCURRENCY;
  readonly spoolDir: string;
  readonly #directory: string;
  readonly #sync: boolean;
  readonly #made: readonly string[];
  #isPrepared = false;
  #cleaning: Promise<void> = Promise.resolve();

  constructor({ directory, sync = false, indexDebugInfo = false }: FileObjectsOptions) {
    this.#directory = directory;
    this.uri = `file://${directory}`;
    this.spoolDir = join(directory, 'nar');
    this.#sync = sync;
    this.#made = indexDebugInfo ? [...DIRECTORIES, 'debuginfo'] : DIRECTORIES;
  }

  async read(key: string, { bytesMax, signal }: ReadOptions): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted();
    const path = this.#path(key);
    try {
      return readSmallFile(path, bytesMax);
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw translateOsError(error, 'read', path);
    }
  }

  async get(reference: string, { signal }: CallOptions = {}): Promise<ObjectBody | undefined> {
    signal?.throwIfAborted();
    const path = this.#path(reference);
    const found = await statFile(path);
    return found && { size: found.size, bytes: readFile(path, signal) };
  }

  locate(reference: string): string | undefined {
    const path = this.#path(reference);
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : undefined;
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectHead | undefined> {
    signal?.throwIfAborted();
    const found = await statFile(this.#path(key));
    return found && { size: found.size };
  }

  async put(
    key: string,
    contents: Uint8Array | SpooledFile,
    { signal }: PutOptions,
  ): Promise<void> {
    signal?.throwIfAborted();
    const path = this.#path(key);
    this.#prepare();
    try {
      if ('file' in contents) await this.#putFile(path, contents.file, signal);
      else await this.#writeThroughTemporary(path, contents, signal);
      if (this.#sync) await syncDirectory(dirname(path));
    } catch (error) {
      signal?.throwIfAborted();
      throw translateOsError(error, 'write', path);
    }
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<string> {
    const slash = prefix.lastIndexOf('/');
    const directory = prefix.slice(0, Math.max(0, slash));
    if (directory !== '') checkObjectKey(directory);
    yield* this.#list(directory, prefix, signal);
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    const path = this.#path(key);
    try {
      await unlink(path);
      if (this.#sync) await syncDirectory(dirname(path));
    } catch (error) {
      if (!isAbsence(error)) throw translateOsError(error, 'remove', path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleaning;
  }

  #path(key: string): string {
    checkObjectKey(key);
    return join(this.#directory, key);
  }

  async *#list(
    directory: string,
    prefix: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<string> {
    const path = join(this.#directory, directory);
    let entries;
    try {
      entries = await opendir(path);
    } catch (error) {
      if (isAbsence(error)) return;
      throw translateOsError(error, 'list', path);
    }
    for await (const entry of entries) {
      signal?.throwIfAborted();
      const key = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (entry.name.endsWith(TEMPORARY)) continue;
      const found = await stat(join(this.#directory, key)).catch(() => undefined);
      if (found?.isDirectory() === true) {
        const isOnTheWay = `${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`);
        // A link that leads back up must not be followed for ever.
        if (isOnTheWay && !entry.isSymbolicLink()) yield* this.#list(key, prefix, signal);
      } else if (found?.isFile() === true && key.startsWith(prefix)) {
        yield key;
      }
    }
  }

  /** A file of the spool directory is moved, one from elsewhere copied. */
  async #putFile(path: string, from: string, signal: AbortSignal | undefined): Promise<void> {
    if (dirname(from) !== this.spoolDir) {
      await this.#writeThroughTemporary(path, readFile(from, signal), signal);
      return;
    }
    if (this.#sync) await syncFile(from);
    await makingDirectory(path, () => rename(from, path));
  }

  async #writeThroughTemporary(
    path: string,
    contents: Uint8Array | AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const temporary = join(dirname(path), temporaryName());
    try {
      await makingDirectory(path, async () => {
        await using file = await open(temporary, 'wx', 0o666);
        await file.writeFile(contents, { signal });
        if (this.#sync) await file.sync();
      });
      signal?.throwIfAborted();
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
  }

  /** Once, before the first write: the directories are made, and what crashes left is removed on the side. */
  #prepare(): void {
    if (this.#isPrepared) return;
    for (const name of this.#made) {
      const path = join(this.#directory, name);
      try {
        makeDirectory(path);
      } catch (error) {
        throw translateOsError(error, 'make directory', path);
      }
    }
    this.#isPrepared = true;
    this.#cleaning = this.#removeLeftovers();
  }

  async #removeLeftovers(): Promise<void> {
    const before = Date.now() - LEFTOVER_AGE_MS;
    for (const directory of [this.#directory, this.spoolDir, join(this.#directory, 'log')]) {
      try {
        for await (const { name } of await opendir(directory)) {
          const path = join(directory, name);
          if (name.endsWith(TEMPORARY) && (await stat(path)).mtimeMs < before) await unlink(path);
        }
      } catch {
        // Somebody else cleans up at the same time, or may and we mayn't: nothing depends on it.
      }
    }
  }
}

/** A name for a file that is being written in the directory of a cache. */
export function temporaryName(): string {
  return `${randomBytes(12).toString('hex')}${TEMPORARY}`;
}

/** Whatever lies there instead of a file, a pipe for one, must not make us wait. */
function readSmallFile(path: string, bytesMax: number): Uint8Array | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) return undefined;
    if (found.size > bytesMax) {
      const problem = `it has ${found.size} bytes, more than ${bytesMax}`;
      throw new FerryError('corrupt', `cannot read "${path}": ${problem}`, { path });
    }
    return new Uint8Array(readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}

async function statFile(path: string): Promise<Stats | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw translateOsError(error, 'look at', path);
  }
}

/** Opened when it is read, so that a body nobody reads holds nothing. */
async function* readFile(
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    for (;;) {
      signal?.throwIfAborted();
      const buffer = new Uint8Array(Buffer.allocUnsafeSlow(CHUNK_SIZE).buffer);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      // A short one is copied: most files are small, and would hold the whole buffer.
      yield bytesRead < CHUNK_SIZE / 2 ? buffer.slice(0, bytesRead) : buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw translateOsError(error, 'read', path);
  }
}

/** Tries again after making the directory that `path` is to lie in. */
async function makingDirectory(path: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    makeDirectory(dirname(path));
    await action();
  }
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

async function syncDirectory(path: string): Promise<void> {
  try {
    await syncFile(path);
  } catch (error) {
    // Some network file systems know no such thing.
    if (!['EINVAL', 'EPERM'].includes(errnoOf(error) ?? '')) {
      throw new FerryError('unavailable', `cannot sync "${path}": ${messageOf(error)}`, {
        path,
        cause: error,
      });
    }
  }
}

function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '');
}
