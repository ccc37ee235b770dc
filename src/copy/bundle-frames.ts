/**
 * The NARs of a bundle, compressed, in its order. Several are packed and compressed at the same time, each by a thread;
 * what comes out ahead of its turn waits in memory, of which there is a limit.
 */
import { releaseChunk } from '../bytes/release.ts';
import { FerryError } from '../error.ts';
import type { FrameEntry } from '../format/bundle/layout.ts';
import type { BundleManifest } from '../format/bundle/manifest.ts';
import { formatHash, hashesEqual, StreamingHash } from '../format/hash.ts';
import type { PathInfo } from '../format/path-info.ts';
import { printStorePath, type StorePath } from '../format/store-path.ts';
import type { CallOptions, NarStream, Store } from '../store/store.ts';
import { compress } from '../system/compression/compress.ts';
import type { PackDigest, TreeWorkers } from '../system/tree-jobs.ts';
import { AheadRoom, AheadStream } from './ahead-stream.ts';

export interface FramesOptions extends CallOptions {
  readonly workers: TreeWorkers;
  /** The first frame that is wanted: those before it are there already. */
  readonly first?: number | undefined;
  readonly onStart?: ((info: PathInfo) => void) | undefined;
  /** Bytes of NAR since the last call for that path. */
  readonly onBytes?: ((path: StorePath, bytes: number) => void) | undefined;
}

export interface PackedFrame {
  readonly number: number;
  readonly info: PathInfo;
  /** The compressed NAR, to be used up before the next frame is taken; each chunk is the reader's. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What came out, once all of it has. */
  readonly entry: () => FrameEntry;
}

/** Bytes that wait for their turn. */
const ROOM_BYTES = 16 * 1024 * 1024;
/** From so many bytes of NAR on all processors work on the one path, if its compression can be done so. */
const PARALLEL_BYTES = 48 * 1024 * 1024;

/** @throws FerryError `corrupt` for contents that aren't those of the info; what the source throws */
export async function* packFrames(
  source: Store,
  manifest: BundleManifest,
  options: FramesOptions,
): AsyncGenerator<PackedFrame, void, undefined> {
  const { signal, workers, first = 0 } = options;
  const { compression } = manifest;
  // An encoder of xz takes a hundred megabytes.
  const window = compression === 'xz' ? workers.width : 2 * workers.width;
  const room = new AheadRoom(ROOM_BYTES);
  const queue: PackingFrame[] = [];
  const infos = manifest.infos.slice(first);
  let number = first;
  try {
    const paths = infos.map(({ path }) => path);
    for await (const nar of source.readNars(paths, { signal })) {
      const info = manifest.infos[number];
      if (info?.path !== nar.path) {
        throw new FerryError('internal', `the NAR of "${nar.path}" was not asked for`);
      }
      queue.push(new PackingFrame(source, manifest, number++, info, nar, room, options));
      const isFree = nar.tree !== undefined || nar.isIndependent === true;
      // One that isn't free is to be used up before the next is asked for.
      const most = isFree ? window - 1 : 0;
      while (queue.length > most) yield* take(queue);
    }
    while (queue.length > 0) yield* take(queue);
  } finally {
    await Promise.all(queue.map((frame) => frame.stop()));
  }
}

async function* take(queue: PackingFrame[]): AsyncGenerator<PackedFrame, void, undefined> {
  const [frame] = queue;
  if (frame === undefined) return;
  yield frame;
  // It is left in the queue until then: an error stops it too.
  await frame.stop();
  queue.shift();
}

class PackingFrame implements PackedFrame {
  readonly number: number;
  readonly info: PathInfo;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly #stream: AheadStream;
  readonly #storeDir: Store['storeDir'];
  readonly #uri: string;
  #entry: FrameEntry | undefined;

  constructor(
    source: Store,
    manifest: BundleManifest,
    number: number,
    info: PathInfo,
    nar: NarStream,
    room: AheadRoom,
    options: FramesOptions,
  ) {
    this.number = number;
    this.info = info;
    this.#storeDir = source.storeDir;
    this.#uri = source.uri;
    options.onStart?.(info);
    this.#stream = new AheadStream(this.#pack(manifest, nar, options), room);
    this.chunks = this.#stream.read();
  }

  readonly entry = (): FrameEntry => {
    if (this.#entry !== undefined) return this.#entry;
    throw new FerryError('internal', `frame ${this.number} is not packed yet`);
  };

  stop(): Promise<void> {
    return this.#stream.stop();
  }

  #pack(
    manifest: BundleManifest,
    nar: NarStream,
    { workers, signal, onBytes }: FramesOptions,
  ): AsyncIterable<Uint8Array> {
    const { compression, level } = manifest;
    const { path, narSize } = this.info;
    const tell = (bytes: number): void => onBytes?.(path, bytes);
    const onDigest = (digest: PackDigest): void => this.#check(digest);
    if (nar.tree === undefined) {
      return packStream(nar, manifest, { signal, onBytes: tell, onDigest });
    }
    // Of zstd and gzip the bytes are the same either way.
    const isBlockwise = compression === 'zstd' || compression === 'gzip';
    const parallel = isBlockwise && narSize >= PARALLEL_BYTES;
    const compressed = { compression, level, parallel };
    return workers.pack(nar.tree, { compress: compressed, signal, onDigest, onBytes: tell });
  }

  #check({ narHash, narSize, fileHash, fileSize }: PackDigest): void {
    const path = printStorePath(this.#storeDir, this.info.path);
    if (!hashesEqual(narHash, this.info.narHash) || narSize !== this.info.narSize) {
      const [got, wanted] = [narHash, this.info.narHash].map((hash) => formatHash(hash, 'sri'));
      throw new FerryError(
        'corrupt',
        `cannot export path "${path}": its contents have hash ${got} and ${narSize} bytes instead of ${wanted} and ${this.info.narSize}`,
        {
          path,
          store: this.#uri,
          hint: 'it has changed since it was added: ferry verify tells more',
        },
      );
    }
    this.#entry = { fileSize, fileHash: fileHash.digest };
  }
}

/** What isn't a tree on this machine is compressed as it comes. */
async function* packStream(
  nar: NarStream,
  { compression, level }: BundleManifest,
  {
    signal,
    onBytes,
    onDigest,
  }: {
    readonly signal: AbortSignal | undefined;
    readonly onBytes: (bytes: number) => void;
    readonly onDigest: (digest: PackDigest) => void;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  const narHash = new StreamingHash('sha256');
  const fileHash = new StreamingHash('sha256');
  const contents = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of nar) {
      narHash.update(chunk);
      onBytes(chunk.length);
      yield chunk;
      if (compression !== 'none') releaseChunk(chunk);
    }
  };
  for await (const chunk of compress(compression, contents(), { level, signal })) {
    fileHash.update(chunk);
    yield chunk;
  }
  const { size: narSize } = narHash;
  const { size: fileSize } = fileHash;
  onDigest({ narHash: narHash.finish(), narSize, fileHash: fileHash.finish(), fileSize });
}
