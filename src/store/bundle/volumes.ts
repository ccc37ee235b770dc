/** A bundle as it lies on this machine: one file, or the parts of one that was split. Read at any place, as one. */
import { existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { releaseChunk } from '../../bytes/release.ts';
import { FerryError, messageOf } from '../../error.ts';
import { isBundlePart, magicBytes } from '../../format/bundle/magic.ts';
import {
  decodePartHeader,
  orderParts,
  partHeaderBytes,
  partName,
  partsMax,
  splitPartName,
  type BundlePart,
} from '../../format/bundle/part.ts';
import { StreamingHash } from '../../format/hash.ts';
import { translateOsError } from '../../system/os-error.ts';

interface Volume {
  readonly name: string;
  readonly handle: FileHandle;
  /** Which byte of the bundle is its first. */
  readonly offset: number;
  /** Bytes of the bundle in it. */
  readonly size: number;
  /** Bytes of the file that are in front of those. */
  readonly headBytes: number;
  readonly part?: BundlePart | undefined;
}

const CHUNK_BYTES = 256 * 1024;

export class BundleVolumes implements AsyncDisposable {
  /** Bytes of the whole. */
  readonly size: number;
  readonly #volumes: readonly Volume[];

  constructor(volumes: readonly Volume[]) {
    this.#volumes = volumes;
    this.size = volumes.reduce((sum, { size }) => sum + size, 0);
  }

  /** The files, in order. */
  get names(): readonly string[] {
    return this.#volumes.map(({ name }) => name);
  }

  /**
   * Exactly these bytes, in memory of their own. The caller has checked the length against a limit.
   * @throws FerryError `corrupt` where it ends before, `denied`
   */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let have = 0; have < length; ) {
      const count = await this.#readSome(bytes.subarray(have), offset + have);
      if (count === 0) {
        const at = offset + have;
        throw new FerryError('corrupt', `it ends at byte ${at}`, { offset: at });
      }
      have += count;
    }
    return bytes;
  }

  /** All from there on; each chunk is the reader's. */
  async *stream(offset = 0, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = offset; at < this.size; ) {
      signal?.throwIfAborted();
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, this.size - at));
      const count = await this.#readSome(chunk, at);
      if (count === 0) return;
      at += count;
      yield count === chunk.length ? chunk : chunk.slice(0, count);
    }
  }

  /** Where these bytes lie in a file, if it is one file that has them all. */
  locate(offset: number, length: number): { file: string; offset: number } | undefined {
    const volume = this.#volumeAt(offset);
    if (volume === undefined || offset + length > volume.offset + volume.size) return undefined;
    return { file: volume.name, offset: volume.headBytes + offset - volume.offset };
  }

  /**
   * Hashes each part and compares it with its header, which tells which of several is damaged.
   * @param onBytes told of bytes that were read since the last call
   * @returns the names of those that are not what they were
   */
  async damagedParts(signal: AbortSignal, onBytes: (bytes: number) => void): Promise<string[]> {
    const damaged: string[] = [];
    for (const { name, part, offset, size } of this.#volumes) {
      if (part === undefined) continue;
      const hash = new StreamingHash('sha256');
      for (let at = offset; at < offset + size; ) {
        signal.throwIfAborted();
        const chunk = await this.read(at, Math.min(CHUNK_BYTES, offset + size - at));
        hash.update(chunk);
        onBytes(chunk.length);
        at += chunk.length;
        releaseChunk(chunk);
      }
      if (Buffer.compare(hash.finish().digest, part.hash) !== 0) damaged.push(name);
    }
    return damaged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#volumes.map(({ handle }) => handle.close()));
  }

  async #readSome(into: Uint8Array, offset: number): Promise<number> {
    const volume = this.#volumeAt(offset);
    if (volume === undefined) return 0;
    const at = offset - volume.offset;
    const length = Math.min(into.length, volume.size - at);
    try {
      return (await volume.handle.read(into, 0, length, volume.headBytes + at)).bytesRead;
    } catch (error) {
      throw translateOsError(error, 'read', volume.name);
    }
  }

  #volumeAt(offset: number): Volume | undefined {
    return this.#volumes.find((each) => offset >= each.offset && offset < each.offset + each.size);
  }
}

/**
 * Opens a bundle: its one file, or all of its parts, in any order. Of a single part the others are looked for beside it,
 * and where there is no such file, parts that are called like it.
 * @throws FerryError `not-found`, also for a part that is missing; `usage` for parts that don't belong together;
 *   `corrupt`, `denied`
 */
export async function openVolumes(files: readonly string[]): Promise<BundleVolumes> {
  await using opened = new AsyncDisposableStack();
  const volumes: Volume[] = [];
  const add = async (name: string): Promise<Volume> => {
    const volume = await openVolume(name, opened);
    volumes.push(volume);
    return volume;
  };
  const [only, ...others] = files;
  if (only === undefined) throw new FerryError('usage', 'no bundle was named');
  if (others.length === 0) {
    const first = await add(existsSync(only) ? only : existingFirstPart(only));
    const found = first.part && siblingsOf(first.name, first.part);
    for (const name of found ?? []) await add(name);
  } else {
    for (const name of files) await add(name);
  }
  const [first] = volumes;
  const part = first?.part;
  if (part === undefined && volumes.length > 1) {
    throw new FerryError(
      'usage',
      `"${first?.name ?? ''}" is a whole bundle, with others beside it`,
      {
        hint: 'one bundle at a time, or the parts of one',
      },
    );
  }
  const ordered = part === undefined ? volumes : orderParts(volumes.map(requirePart));
  const result = new BundleVolumes(ordered);
  opened.move();
  return result;
}

async function openVolume(name: string, opened: AsyncDisposableStack): Promise<Volume> {
  try {
    const handle = opened.adopt(await open(name, 'r'), (each) => each.close());
    const stat = await handle.stat();
    if (!stat.isFile()) {
      throw new FerryError('usage', `cannot read "${name}" as a bundle: it is not a regular file`, {
        path: name,
      });
    }
    const head = new Uint8Array(partHeaderBytes);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (!isBundlePart(head.subarray(0, Math.min(bytesRead, magicBytes)))) {
      return { name, handle, offset: 0, size: stat.size, headBytes: 0 };
    }
    const part = decodePartHeader(head.subarray(0, bytesRead));
    if (stat.size !== partHeaderBytes + part.size) {
      const problem = `it has ${stat.size} bytes instead of ${partHeaderBytes + part.size}`;
      throw new FerryError('corrupt', problem);
    }
    return { name, handle, offset: part.offset, size: part.size, headBytes: head.length, part };
  } catch (error) {
    throw error instanceof FerryError && error.path === undefined
      ? new FerryError(error.code, `cannot read "${name}": ${messageOf(error)}`, {
          path: name,
          cause: error,
        })
      : translateOsError(error, 'read', name);
  }
}

function existingFirstPart(file: string): string {
  const first = partName(file, 1);
  // Else it is the name that was given which isn't there.
  return existsSync(first) ? first : file;
}

/** The others that lie beside a part, whatever they turn out to be. */
function siblingsOf(name: string, part: BundlePart): string[] {
  const split = splitPartName(name);
  if (split === undefined) return [];
  const found: string[] = [];
  for (let number = 1; number <= partsMax; number++) {
    const sibling = partName(split.file, number);
    if (number === split.number) continue;
    if (existsSync(sibling)) found.push(sibling);
    else if (number > part.number) break;
  }
  return found;
}

function requirePart(volume: Volume): Volume & { readonly part: BundlePart } {
  const { name, part } = volume;
  if (part !== undefined) return { ...volume, part };
  throw new FerryError('usage', `"${name}" is a whole bundle, and no part of another`);
}
