/**
 * A bundle in files as a store: any path of it is read without the others. Its end is read first, which says of every
 * frame where it is and what hash it has; what is read is compared with that.
 */
import { readU64 } from '../../bytes/byte-reader.ts';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import {
  decodeEnd,
  digestBytes,
  entryBytes,
  fileSizeMax,
  footerBytes,
  frameBytes,
  pieceBytes,
  pieceHeadBytes,
  sameBytes,
  sealOf,
  type FrameEntry,
} from '../../format/bundle/layout.ts';
import { splitPartName } from '../../format/bundle/part.ts';
import { BundleReader } from '../../format/bundle/reader.ts';
import { formatHash, hashesEqual, StreamingHash, type Hash } from '../../format/hash.ts';
import type { StorePath } from '../../format/store-path.ts';
import { decompress } from '../../system/compression/decompress.ts';
import { ZstdDecoder } from '../../system/compression/zstd-decoder.ts';
import type { NarFile } from '../../system/tree-jobs.ts';
import type { CallOptions, NarStream } from '../store.ts';
import { ManifestStore, type BundledPath } from './manifest-store.ts';
import { openVolumes, type BundleVolumes } from './volumes.ts';

/** A frame, and where in the bundle it begins. */
interface PlacedFrame extends FrameEntry {
  readonly offset: number;
}

/**
 * @param files absolute names: of the one file, or of the parts, in any order (see `openVolumes`)
 * @throws FerryError `corrupt` where header and end aren't whole and of one another, `unsupported` for a later version;
 *   what `openVolumes` throws
 */
export async function openBundleStore(
  files: readonly string[],
  signal?: AbortSignal,
): Promise<BundleStore> {
  await using opened = new AsyncDisposableStack();
  const volumes = opened.use(await openVolumes(files));
  try {
    const reader = await BundleReader.open(volumes.stream(0, signal));
    await reader.close();
    const frames = await readFrames(volumes, reader);
    const store = new BundleStore(volumes, reader, frames);
    opened.move();
    return store;
  } catch (error) {
    if (!isFerryError(error) || error.path !== undefined) throw error;
    const [name = ''] = volumes.names;
    const problem = `cannot read "${name}" as a bundle: ${messageOf(error)}`;
    throw new FerryError(error.code, problem, {
      path: name,
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

async function readFrames(volumes: BundleVolumes, reader: BundleReader): Promise<PlacedFrame[]> {
  const count = reader.manifest.infos.length;
  const endBytes = count * entryBytes + footerBytes;
  const start = volumes.size - endBytes;
  if (start < reader.headerBytes) throw new FerryError('corrupt', 'its end is missing');
  const entries = decodeEnd(reader.id, await volumes.read(start, endBytes), count);
  let at = reader.headerBytes;
  const frames = entries.map((entry) => {
    const frame = { ...entry, offset: at };
    at += frameBytes(entry.fileSize);
    return frame;
  });
  if (at === start) return frames;
  throw new FerryError('corrupt', `its frames end at byte ${start}, and at ${at} by its index`);
}

export class BundleStore extends ManifestStore {
  /** Names the bundle: the hash of its header. */
  readonly id: Uint8Array;
  /** The files it lies in. */
  readonly volumes: BundleVolumes;
  readonly #frames: readonly PlacedFrame[];

  constructor(volumes: BundleVolumes, reader: BundleReader, frames: readonly PlacedFrame[]) {
    super(uriOf(volumes), reader.manifest);
    this.id = reader.id;
    this.volumes = volumes;
    this.#frames = frames;
  }

  /** What the index says of the frames, in the order of the manifest. */
  get entries(): readonly FrameEntry[] {
    return this.#frames;
  }

  async *readNars(
    paths: Iterable<StorePath>,
    options: CallOptions = {},
  ): AsyncGenerator<NarStream, void, undefined> {
    const { signal } = options;
    this.check(options);
    const { compression } = this.manifest;
    for (const path of paths) {
      this.check(options);
      const bundled = this.find(path);
      const file = await this.#narFileOf(bundled);
      yield {
        path,
        isIndependent: true,
        [Symbol.asyncIterator]: () => this.#readNar(bundled, signal),
        compressed: {
          compression,
          bytes: () => this.#described(bundled, this.#readFrame(bundled, signal)),
          file,
          describe: (error) => this.cannotRead(bundled, error),
        },
      };
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.volumes[Symbol.asyncDispose]();
  }

  /** For threads that read it themselves: where it lies in one file and they can undo its compression. */
  async #narFileOf(bundled: BundledPath): Promise<NarFile | undefined> {
    const { compression } = this.manifest;
    if (compression === 'gzip' || compression === 'xz') return undefined;
    if (compression === 'zstd' && !ZstdDecoder.isAvailable) return undefined;
    const { offset, fileSize, fileHash } = this.#frameOf(bundled);
    const place = this.volumes.locate(offset, frameBytes(fileSize));
    if (place === undefined) return undefined;
    try {
      await this.#checkSeal(bundled);
    } catch (error) {
      throw isFerryError(error, 'corrupt') ? this.cannotRead(bundled, error) : error;
    }
    return {
      file: place.file,
      compression,
      bytes: fileSize,
      bytesMax: fileSizeMax(bundled.info.narSize),
      hash: { algorithm: 'sha256', digest: fileHash },
      within: { offset: place.offset, pieceBytes },
    };
  }

  async *#readNar(
    bundled: BundledPath,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { narSize } = bundled.info;
    const frame = this.#readFrame(bundled, signal);
    const nar = decompress(this.manifest.compression, frame, { bytesMax: narSize, signal });
    let size = 0;
    for await (const chunk of this.#described(bundled, nar)) {
      size += chunk.length;
      yield chunk;
    }
    if (size === narSize) return;
    const problem = `${size} bytes come out of it instead of ${narSize}`;
    throw this.cannotRead(bundled, new FerryError('corrupt', problem));
  }

  async *#described(
    bundled: BundledPath,
    bytes: AsyncIterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* bytes;
    } catch (error) {
      throw isFerryError(error, 'corrupt') ? this.cannotRead(bundled, error) : error;
    }
  }

  /** The compressed NAR, checked. */
  async *#readFrame(
    bundled: BundledPath,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.check({ signal });
    const { offset, fileSize, fileHash } = this.#frameOf(bundled);
    if (fileSize > fileSizeMax(bundled.info.narSize)) {
      throw new FerryError('corrupt', 'it is longer than its NAR can make it');
    }
    await this.#checkSeal(bundled);
    const hash = new StreamingHash('sha256');
    let at = offset;
    for (let left = fileSize; left >= 0; left -= pieceBytes) {
      signal?.throwIfAborted();
      const size = Math.min(left, pieceBytes);
      const head = await this.volumes.read(at, pieceHeadBytes);
      if (readU64(head, 0) !== size) {
        throw new FerryError('corrupt', `no piece of ${size} bytes begins at byte ${at}`);
      }
      const piece = await this.volumes.read(at + pieceHeadBytes, size);
      at += pieceHeadBytes + size;
      hash.update(piece);
      if (size > 0) yield piece;
    }
    const wanted: Hash = { algorithm: 'sha256', digest: fileHash };
    const got = hash.finish();
    if (hashesEqual(got, wanted)) return;
    const problem = `it has hash ${formatHash(got)} instead of ${formatHash(wanted)}`;
    throw new FerryError('corrupt', problem);
  }

  async #checkSeal(bundled: BundledPath): Promise<void> {
    const { offset, fileSize, fileHash } = this.#frameOf(bundled);
    const at = offset + frameBytes(fileSize) - digestBytes;
    const seal = await this.volumes.read(at, digestBytes);
    if (sameBytes(seal, sealOf(this.id, bundled.number, fileHash))) return;
    throw new FerryError('corrupt', 'its frame does not have the checksum that seals it');
  }

  #frameOf({ number }: BundledPath): PlacedFrame {
    const frame = this.#frames[number];
    if (frame === undefined) throw new FerryError('internal', `there is no frame ${number}`);
    return frame;
  }
}

/** One that leads here again: of parts the name they have in common. */
function uriOf({ names }: BundleVolumes): string {
  const [name = ''] = names;
  const file = names.length > 1 ? (splitPartName(name)?.file ?? name) : name;
  return `bundle://${encodeURI(file).replace(/[?#]/g, encodeURIComponent)}`;
}
