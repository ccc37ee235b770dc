/**
 * A bundle on its way into a file, or into parts. Nothing has the name that was asked for before all is whole and on the
 * disk; until then it is called `.part`, stays after whatever ends us, and an export of the same goes on there.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FerryError, isFerryError } from '../../error.ts';
import {
  frameBytes,
  sameBytes,
  type BundleHeader,
  type FrameEntry,
} from '../../format/bundle/layout.ts';
import { isBundlePart, magicBytes } from '../../format/bundle/magic.ts';
import { partName, partsMax } from '../../format/bundle/part.ts';
import { BundleReader } from '../../format/bundle/reader.ts';
import { loadFlock, type Flock } from '../../system/flock.ts';
import { translateOsError } from '../../system/os-error.ts';
import { syncDirectory } from '../../system/sync-directory.ts';
import { openThere, partialSuffix, PartFiles } from './part-files.ts';

export interface BundleFilesOptions {
  /** Bytes of a part at the most; all in one file where it is absent. */
  readonly partBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What of an earlier export was found, and whether it is of use. */
export type Found = 'nothing' | 'beginning' | 'another';

/** Bytes of the smallest part that makes sense: 999 of them are a gigabyte. */
export const partBytesMin: number = 64 * 1024;

export class BundleFiles implements AsyncDisposable {
  readonly found: Found;
  /** Frames that are there already, after the header. */
  readonly done: readonly FrameEntry[];
  readonly #file: string;
  readonly #files: PartFiles;
  readonly #resources: AsyncDisposableStack;
  readonly #isSplit: boolean;

  constructor(
    file: string,
    files: PartFiles,
    resources: AsyncDisposableStack,
    { found, done, isSplit }: { found: Found; done: readonly FrameEntry[]; isSplit: boolean },
  ) {
    this.#file = file;
    this.#files = files;
    this.#resources = resources;
    this.#isSplit = isSplit;
    this.found = found;
    this.done = done;
  }

  /** @throws FerryError `no-space`, `denied`, `usage` where there would be too many parts */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#files.write(bytes);
  }

  /** Gives everything its name. @returns the names */
  async commit(): Promise<string[]> {
    const count = await this.#files.finish();
    const names = Array.from({ length: count }, (_, index) => this.#files.nameOf(index + 1));
    for (const name of names) {
      try {
        await rename(`${name}${partialSuffix}`, name);
      } catch (error) {
        throw translateOsError(error, 'create', name);
      }
    }
    syncDirectory(dirname(this.#file));
    if (this.#isSplit) await removeOlderParts(this.#file, count);
    return names;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/**
 * @param file its absolute name; of parts what stands before `.001`
 * @param header of the bundle that is going to be written: an earlier export of the same is gone on with
 * @throws FerryError `conflict` where another process is at it, `usage` for a size of parts or a file that can't be,
 *   `denied`, `not-found` for a directory that isn't there
 */
export async function openBundleFiles(
  file: string,
  header: BundleHeader,
  { partBytes, signal }: BundleFilesOptions = {},
): Promise<BundleFiles> {
  requireSound(file, partBytes);
  await using resources = new AsyncDisposableStack();
  const files = resources.use(new PartFiles(file, partBytes));
  resources.use(await lockFirst(`${files.nameOf(1)}${partialSuffix}`));
  files.setId(header.id);
  const { found, size, done } = await lookForBeginning(files, header, signal);
  await files.keep(size, signal);
  const isSplit = partBytes !== undefined;
  return new BundleFiles(file, files, resources.move(), { found, done, isSplit });
}

function requireSound(file: string, partBytes: number | undefined): void {
  if (partBytes !== undefined && (!Number.isSafeInteger(partBytes) || partBytes < partBytesMin)) {
    throw new FerryError('usage', `cannot split into parts of ${partBytes} bytes`, {
      hint: `${partBytesMin} bytes are the fewest`,
    });
  }
  // A device must not be replaced by a file, least of all by root.
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) {
    throw new FerryError('usage', `cannot write a bundle to "${file}": it is not a regular file`, {
      path: file,
      hint: 'without -o it goes to stdout',
    });
  }
}

/** Keeps a second export to the same name away for as long as this one lives. */
async function lockFirst(name: string): Promise<Disposable> {
  const flock = await loadFlock();
  for (;;) {
    const fd = openOrCreate(name);
    const isOurs = tryLock(flock, fd);
    const isThere = lstatSync(name, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
    if (isOurs && isThere) return { [Symbol.dispose]: () => closeSync(fd) };
    closeSync(fd);
    // Else whoever had it has just given it its name.
    if (!isOurs) {
      throw new FerryError('conflict', `another process is writing "${name}"`, { path: name });
    }
  }
}

function openOrCreate(name: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  try {
    return openSync(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666);
  } catch (error) {
    throw translateOsError(error, 'create', name);
  }
}

function tryLock(flock: Flock, fd: number): boolean {
  try {
    return flock.tryLock(fd, 'exclusive');
  } catch (error) {
    // A share or a stick may have no locks: that two write the same name is then for people to avoid.
    if (isFerryError(error, 'unavailable')) return true;
    throw error;
  }
}

interface Beginning {
  readonly found: Found;
  /** Bytes that can be kept. */
  readonly size: number;
  readonly done: readonly FrameEntry[];
}

/** Reads and checks what is there, up to the last frame that is whole. */
async function lookForBeginning(
  files: PartFiles,
  header: BundleHeader,
  signal: AbortSignal | undefined,
): Promise<Beginning> {
  const nothing: Beginning = { found: 'nothing', size: 0, done: [] };
  const bytes = files.existing(signal);
  const first = await bytes.next();
  if (first.done === true) return nothing;
  const all = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield first.value;
    yield* bytes;
  };
  let reader: BundleReader | undefined;
  try {
    reader = await BundleReader.open(all());
    if (!sameBytes(reader.id, header.id)) return { ...nothing, found: 'another' };
    for await (const _ of reader.frames());
  } catch (error) {
    if (!isFerryError(error, 'corrupt') && !isFerryError(error, 'unsupported')) throw error;
    if (reader === undefined) {
      // One that didn't even get through its header.
      const isOurs = header.bytes.length >= first.value.length;
      const own = header.bytes.subarray(0, first.value.length);
      return isOurs && sameBytes(own, first.value) ? nothing : { ...nothing, found: 'another' };
    }
  } finally {
    await reader?.close();
    await bytes.return(undefined);
  }
  const done = reader.entries;
  const size = done.reduce((sum, { fileSize }) => sum + frameBytes(fileSize), reader.headerBytes);
  return { found: 'beginning', size, done };
}

/** Of an export under the same name that had more parts: nobody should take them for parts of this one. */
async function removeOlderParts(file: string, count: number): Promise<void> {
  for (let number = count + 1; number <= partsMax; number++) {
    const name = partName(file, number);
    const handle = await openThere(name);
    const head = new Uint8Array(magicBytes);
    await handle?.read(head, 0, head.length, 0);
    await handle?.close();
    if (!isBundlePart(head)) return;
    await rm(name, { force: true });
  }
}
