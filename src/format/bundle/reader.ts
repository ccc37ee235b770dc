/**
 * Reads a bundle from its first byte to its last, as it comes out of a pipe. Nothing is taken on trust: the header has its
 * hash, each frame its seal, and the end must be that of just these frames. Once it has failed it stays failed.
 */
import { ByteReader } from '../../bytes/byte-reader.ts';
import { FerryError } from '../../error.ts';
import { crypto } from '../crypto.ts';
import { StreamingHash } from '../hash.ts';
import type { PathInfo } from '../path-info.ts';
import {
  decodeEnd,
  decodePreamble,
  digestBytes,
  entryBytes,
  fileSizeMax,
  footerBytes,
  noBundle,
  pieceBytes,
  preambleBytes,
  sameBytes,
  sealOf,
  type FrameEntry,
} from './layout.ts';
import { bundleMagic, magicBytes } from './magic.ts';
import { parseManifest, type BundleManifest } from './manifest.ts';

export interface BundleFrame {
  readonly number: number;
  readonly info: PathInfo;
  /**
   * The compressed NAR, to be read once; each chunk is the caller's. What is left of it when the next frame is asked for
   * is passed over.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** All of it, where it is a single piece; undefined for what is longer, to be read by `bytes`. */
  small(): Promise<Uint8Array | undefined>;
}

export class BundleReader {
  readonly id: Uint8Array;
  readonly manifest: BundleManifest;
  /** Bytes of the header. */
  readonly headerBytes: number;
  readonly #reader: ByteReader;
  readonly #entries: FrameEntry[] = [];

  private constructor(
    reader: ByteReader,
    id: Uint8Array,
    manifest: BundleManifest,
    headerBytes: number,
  ) {
    this.#reader = reader;
    this.id = id;
    this.manifest = manifest;
    this.headerBytes = headerBytes;
  }

  /** Reads the header. @throws FerryError `corrupt`, `unsupported` for a later version; what the source throws */
  static async open(bytes: AsyncIterable<Uint8Array>): Promise<BundleReader> {
    const reader = new ByteReader(bytes);
    return await failing(reader, async () => {
      const preamble = await readPreamble(reader);
      const size = decodePreamble(preamble);
      const hash = crypto().createHash('sha256').update(preamble);
      const chunks: Uint8Array[] = [];
      // No more is allocated than has come.
      for await (const chunk of reader.stream(size)) {
        hash.update(chunk);
        chunks.push(new Uint8Array(chunk));
      }
      const id = new Uint8Array(hash.digest());
      if (!sameBytes(await reader.read(digestBytes), id)) {
        throw new FerryError('corrupt', 'its manifest does not have the checksum that follows it');
      }
      const manifest = parseManifest(decodeText(chunks));
      return new BundleReader(reader, id, manifest, reader.offset);
    });
  }

  /** Bytes read so far: after a frame was used up, where the next begins. */
  get offset(): number {
    return this.#reader.offset;
  }

  /** Those frames that were used up. */
  get entries(): readonly FrameEntry[] {
    return this.#entries;
  }

  /**
   * All frames, in order, and after the last the end of the bundle, after which nothing may follow.
   * @throws FerryError `corrupt`; what the source throws
   */
  async *frames(): AsyncGenerator<BundleFrame, void, undefined> {
    for (const [number, info] of this.manifest.infos.entries()) {
      const frame = new Frame(this.#reader, this.id, number, info);
      yield frame;
      this.#entries.push(await failing(this.#reader, () => frame.finish()));
    }
    await failing(this.#reader, () => this.#readEnd());
  }

  async close(): Promise<void> {
    await this.#reader.close();
  }

  async #readEnd(): Promise<void> {
    const count = this.#entries.length;
    const bytes = new Uint8Array(await this.#reader.read(count * entryBytes + footerBytes));
    const entries = decodeEnd(this.id, bytes, count);
    for (const [number, { fileSize, fileHash }] of this.#entries.entries()) {
      const told = entries[number];
      if (told?.fileSize === fileSize && sameBytes(told.fileHash, fileHash)) continue;
      throw new FerryError('corrupt', `its index does not agree with frame ${number}`);
    }
    if (!(await this.#reader.atEnd())) {
      throw new FerryError('corrupt', 'something follows after its end');
    }
  }
}

class Frame implements BundleFrame {
  readonly number: number;
  readonly info: PathInfo;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly #reader: ByteReader;
  readonly #id: Uint8Array;
  readonly #hash = new StreamingHash('sha256');
  readonly #chunks: AsyncGenerator<Uint8Array, void, undefined>;
  /** Bytes of the first piece, once they are known and it isn't begun. */
  #firstSize: number | undefined;
  #entry: FrameEntry | undefined;

  constructor(reader: ByteReader, id: Uint8Array, number: number, info: PathInfo) {
    this.number = number;
    this.info = info;
    this.#reader = reader;
    this.#id = id;
    this.#chunks = this.#pieces();
    // Whoever breaks out must leave the rest to `finish`, so that the generator itself is never closed.
    const next = (): Promise<IteratorResult<Uint8Array, void>> => this.#chunks.next();
    this.bytes = { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async small(): Promise<Uint8Array | undefined> {
    const size = await failing(this.#reader, () => this.#pieceSize());
    this.#firstSize = size;
    if (size === pieceBytes) return undefined;
    const whole = new Uint8Array(size);
    let at = 0;
    for await (const chunk of this.bytes) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    return whole;
  }

  /** Passes over what nobody has read. */
  async finish(): Promise<FrameEntry> {
    for await (const _ of this.bytes);
    if (this.#entry !== undefined) return this.#entry;
    throw this.#reader.fail(
      new FerryError('internal', `frame ${this.number} ended without a seal`),
    );
  }

  async *#pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    const sizeMax = fileSizeMax(this.info.narSize);
    try {
      for (let isLast = false; !isLast; ) {
        const size = this.#firstSize ?? (await this.#pieceSize());
        this.#firstSize = undefined;
        isLast = size < pieceBytes;
        if (this.#hash.size + size > sizeMax) {
          throw new FerryError('corrupt', `${this.#name} is longer than its NAR can make it`);
        }
        for await (const chunk of this.#reader.stream(size)) {
          this.#hash.update(chunk);
          yield chunk;
        }
      }
      const { size: fileSize } = this.#hash;
      const fileHash = this.#hash.finish().digest;
      const seal = await this.#reader.read(digestBytes);
      if (!sameBytes(seal, sealOf(this.#id, this.number, fileHash))) {
        throw new FerryError('corrupt', `${this.#name} does not have the checksum that seals it`);
      }
      this.#entry = { fileSize, fileHash };
    } catch (error) {
      throw this.#reader.fail(error);
    }
  }

  async #pieceSize(): Promise<number> {
    const size = await this.#reader.u64();
    if (size <= pieceBytes) return size;
    throw new FerryError('corrupt', `${this.#name} has a piece of ${size} bytes`);
  }

  get #name(): string {
    return `frame ${this.number}, of "${this.info.path}",`;
  }
}

/** What isn't a bundle is told by its first bytes, also where it is shorter than any bundle. */
async function readPreamble(reader: ByteReader): Promise<Uint8Array> {
  const preamble = new Uint8Array(preambleBytes);
  for (let have = 0; have < magicBytes; ) {
    const some = await reader.some(magicBytes - have);
    if (!sameBytes(some, bundleMagic.subarray(have, have + some.length))) throw noBundle();
    preamble.set(some, have);
    have += some.length;
    // At its end, which is then an error with its place.
    if (some.length === 0) await reader.read(preambleBytes - have);
  }
  preamble.set(await reader.read(preambleBytes - magicBytes), magicBytes);
  return preamble;
}

/** Runs what reads; after an error nothing more can be read. */
async function failing<T>(reader: ByteReader, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw reader.fail(error);
  }
}

/** Names of things are ASCII, and what isn't would be something else once it is written again. */
function decodeText(chunks: readonly Uint8Array[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new FerryError('corrupt', 'its manifest is no UTF-8');
  }
}
