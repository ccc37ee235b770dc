/** Work on file trees, done by threads: the main thread only waits, and moves chunks about. */
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { releaseChunk } from '../../bytes/release.ts';
import { FerryError } from '../../error.ts';
import type { Compression } from '../../format/compression.ts';
import { StreamingHash } from '../../format/hash.ts';
import { chunkBytesDefault } from '../compression/chunk-cutter.ts';
import { resolveLevel } from '../compression/levels.ts';
import type {
  CheckLinksRequest,
  DamagedLink,
  LinkedInodes,
  LinkJob,
  SharedLinksRequest,
  ShareRequest,
  ShareResult,
} from '../link-jobs.ts';
import type {
  CanonicaliseOptions,
  CompressedNar,
  HashRequest,
  NarFile,
  PackCompression,
  PackDigest,
  PackOptions,
  RemoveTreeOptions,
  TreeDigest,
  TreeWorkers,
  UnpackRequest,
} from '../tree-jobs.ts';
import { inheritsAcl, loadXattrs } from '../xattrs.ts';
import { StreamFeeder } from './feed.ts';
import { chunksOf } from './job-chunks.ts';
import type {
  AnyJobResult,
  Job,
  JobResult,
  LinkJobResult,
  UnpackDecompression,
  UnpackJob,
} from './messages.ts';
import { ThreadPool } from './thread-pool.ts';
import type { Thread } from './thread.ts';

export interface TreeWorkersOptions {
  /** How many jobs run at the same time. Default: as many as there are processors, four at the most. */
  readonly width?: number;
}

const WIDTH_MAX = 4;
/** An encoder needs room for the longest of names. */
const CHUNK_BYTES_MIN = 64 * 1024;

/** Threads are started by the first jobs, and keep no process alive. */
export function openTreeWorkers(options: TreeWorkersOptions = {}): TreeWorkers {
  const { width = Math.min(availableParallelism(), WIDTH_MAX) } = options;
  return new ThreadedTreeWorkers(width);
}

class ThreadedTreeWorkers implements TreeWorkers {
  readonly width: number;
  /**
   * What is packed may be unpacked by the same workers: a packing thread is blocked until its chunks are taken, so that
   * the two must never wait for one another's threads.
   */
  readonly #packers: ThreadPool;
  readonly #others: ThreadPool;
  readonly #inheriting = new Map<string, boolean>();

  constructor(width: number) {
    this.width = width;
    this.#packers = new ThreadPool(width);
    this.#others = new ThreadPool(width);
  }

  async *pack(
    tree: string,
    options: PackOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { compress: wanted = { compression: 'none' }, ...others } = options;
    const { compression, level, parallel } = wanted;
    resolveLevel(compression, level);
    const isOnThread = compression !== 'br' && compression !== 'xz' && parallel !== true;
    if (isOnThread || compression === 'none') {
      yield* this.#pack(tree, compression, level, others);
    } else {
      const pack = (more: PackOptions): AsyncIterable<Uint8Array> =>
        this.#pack(tree, 'none', undefined, { ...others, ...more });
      yield* compressHere(pack, { ...wanted, parallel: parallel ?? false }, others);
    }
  }

  async *#pack(
    tree: string,
    compression: Compression,
    level: number | undefined,
    { signal, chunkBytes = chunkBytesDefault, onDigest, onBytes }: PackOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const thread = await this.#packers.acquire(signal);
    const job: Job = {
      kind: 'pack',
      tree,
      chunkBytes: Math.max(chunkBytes, CHUNK_BYTES_MIN),
      compression,
      level,
      isHashed: onDigest !== undefined || (onBytes !== undefined && compression !== 'none'),
    };
    let told = 0;
    const tell = (bytes: number): void => {
      told += bytes;
      if (bytes > 0) onBytes?.(bytes);
    };
    const result = yield* chunksOf((listener) =>
      this.#packers.start(thread, job, { ...listener, onProgress: tell }, signal),
    );
    if (!job.isHashed) return;
    const { narHash, narSize, fileHash, fileSize } = ensurePacked(result);
    tell(narSize - told);
    onDigest?.({ narHash, narSize, fileHash, fileSize });
  }

  async unpack(request: UnpackRequest): Promise<TreeDigest> {
    const { source, target, signal, onBytes } = request;
    const canonical = request.canonical ?? true;
    const stripXattrs = canonical && (await this.#inheritsAcl(dirname(target)));
    const arriving = isTree(source) || isFile(source) ? source : await onThread(source, request);
    const thread = await this.#others.acquire(signal);
    const job: UnpackJob = {
      target,
      narSize: request.narSize,
      ca: request.ca,
      sync: request.sync ?? false,
      canonical,
      stripXattrs,
    };
    try {
      const { narHash, narSize, caHashes } = isTree(arriving)
        ? await this.#measured(
            thread,
            { kind: 'unpack-tree', tree: arriving.tree, ...job },
            request,
          )
        : isFile(arriving)
          ? await this.#measured(thread, { kind: 'unpack-file', nar: arriving, ...job }, request)
          : await this.#unpackStream(thread, arriving, job, { onBytes, signal });
      return { narHash, narSize, caHashes };
    } catch (error) {
      if (thread.isDead && thread.hasCreatedTarget) await this.#cleanUp(target);
      throw error;
    }
  }

  async hash(request: HashRequest): Promise<JobResult> {
    const { tree, ca, scanFor = [] } = request;
    const thread = await this.#others.acquire(request.signal);
    return await this.#measured(thread, { kind: 'hash', tree, ca, scanFor }, request);
  }

  async remove(tree: string, { onFreed, signal }: RemoveTreeOptions = {}): Promise<void> {
    const thread = await this.#others.acquire(signal);
    const job: Job = { kind: 'remove', tree, isMeasured: onFreed !== undefined };
    const listener = onFreed === undefined ? {} : { onProgress: onFreed };
    await this.#others.start(thread, job, listener, signal).result;
  }

  async linkedInodes(
    linksDir: string,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<LinkedInodes> {
    const { inodes } = await this.#linkJob({ kind: 'linked-inodes', linksDir }, signal);
    return ensure(inodes);
  }

  async checkLinks(request: CheckLinksRequest): Promise<readonly DamagedLink[]> {
    const { signal, ...job } = request;
    return ensure((await this.#linkJob({ kind: 'check-links', ...job }, signal)).damaged);
  }

  async sharedLinks(request: SharedLinksRequest): Promise<readonly string[]> {
    const { signal, ...job } = request;
    return ensure((await this.#linkJob({ kind: 'shared-links', ...job }, signal)).names);
  }

  async share(request: ShareRequest): Promise<ShareResult> {
    const { signal, ...job } = request;
    return ensure((await this.#linkJob({ kind: 'share', ...job }, signal)).shared);
  }

  async #linkJob(job: LinkJob, signal: AbortSignal | undefined): Promise<LinkJobResult> {
    const thread = await this.#others.acquire(signal);
    const result = await this.#others.start(thread, job, {}, signal).result;
    return result === undefined || 'narHash' in result ? {} : result;
  }

  async canonicalise(tree: string, { signal }: CanonicaliseOptions = {}): Promise<void> {
    const thread = await this.#others.acquire(signal);
    await this.#others.start(thread, { kind: 'canonicalise', tree }, {}, signal).result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#packers[Symbol.asyncDispose](), this.#others[Symbol.asyncDispose]()]);
  }

  /** Runs a job that tells its progress, which in the end adds up to the size of the NAR. */
  async #measured(
    thread: Thread,
    job: Job,
    { onBytes, signal }: Pick<HashRequest, 'onBytes' | 'signal'>,
  ): Promise<JobResult> {
    let told = 0;
    const onProgress = (bytes: number): void => {
      told += bytes;
      onBytes?.(bytes);
    };
    const { result: ended } = this.#others.start(thread, job, { onProgress }, signal);
    const result = ensureResult(await ended);
    if (result.narSize > told) onBytes?.(result.narSize - told);
    return result;
  }

  async #unpackStream(
    thread: Thread,
    { bytes, compression }: Arriving,
    unpack: UnpackJob,
    { onBytes, signal }: Pick<UnpackRequest, 'onBytes' | 'signal'>,
  ): Promise<JobResult> {
    let told = 0;
    const tell = (count: number): void => {
      told += count;
      onBytes?.(count);
    };
    // What is fed is the NAR itself, or else the thread knows how much of it has come out.
    const isNar = compression === undefined;
    const feeder = new StreamFeeder(bytes, thread, isNar ? { onBytes: tell } : {});
    const listener = {
      onBuffer: () => feeder.bufferIsBack(),
      ...(isNar ? {} : { onProgress: tell }),
    };
    let failure: { readonly error: unknown } | undefined;
    const job: Job = { kind: 'unpack-stream', compression, ...unpack };
    const running = this.#others.start(thread, job, listener, signal);
    void feeder.run(running).catch((error: unknown) => {
      failure = { error };
      running.stop();
    });
    try {
      const result = ensureResult(await running.result);
      if (result.narSize > told) tell(result.narSize - told);
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      throw failure === undefined ? error : failure.error;
    } finally {
      feeder.stop();
    }
  }

  /** After the death of the thread that should have done it. */
  async #cleanUp(target: string): Promise<void> {
    try {
      await this.remove(target);
    } catch {
      // That the thread died is what there is to tell; what is left is no valid path, and garbage.
    }
  }

  /** Rare, and the same for all that lands in one directory. */
  async #inheritsAcl(directory: string): Promise<boolean> {
    let inherits = this.#inheriting.get(directory);
    if (inherits === undefined) {
      inherits = inheritsAcl(await loadXattrs(), directory);
      this.#inheriting.set(directory, inherits);
    }
    return inherits;
  }
}

/** What goes to the thread, and how it is compressed there. */
interface Arriving {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly compression: UnpackDecompression | undefined;
}

/** What the thread can't undo is undone on the way. */
async function onThread(
  source: AsyncIterable<Uint8Array> | CompressedNar,
  { narSize, signal }: UnpackRequest,
): Promise<Arriving> {
  if (!('compression' in source)) return { bytes: source, compression: undefined };
  const { compression, bytes } = source;
  const known = await threadDecompression(compression);
  if (known !== undefined) return { bytes, compression: known };
  const { decompress } = await import('../compression/decompress.ts');
  const options = { bytesMax: narSize, signal };
  return { bytes: decompress(compression, bytes, options), compression: undefined };
}

async function threadDecompression(
  compression: Compression,
): Promise<UnpackDecompression | undefined> {
  if (compression === 'bzip2' || compression === 'lzip') return compression;
  if (compression !== 'zstd') return undefined;
  const { ZstdDecoder } = await import('../compression/zstd-decoder.ts');
  return ZstdDecoder.isAvailable ? compression : undefined;
}

/**
 * Compresses what the threads pack with what has threads of its own, and is slow enough for the way between not to
 * matter. The contents are hashed by the packing thread, what comes out is hashed here.
 */
async function* compressHere(
  pack: (options: PackOptions) => AsyncIterable<Uint8Array>,
  { compression, level, parallel }: PackCompression,
  { signal, chunkBytes, onDigest }: PackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { compress } = await import('../compression/compress.ts');
  let nar: PackDigest | undefined;
  const keep = (digest: PackDigest): void => {
    nar = digest;
  };
  const contents = released(
    pack({ chunkBytes: undefined, onDigest: onDigest === undefined ? undefined : keep }),
  );
  const fileHash = new StreamingHash('sha256');
  const options = { level, parallel, signal, chunkBytes };
  for await (const chunk of compress(compression, contents, options)) {
    if (onDigest !== undefined) fileHash.update(chunk);
    yield chunk;
  }
  if (nar === undefined) return;
  onDigest?.({ ...nar, fileHash: fileHash.finish(), fileSize: fileHash.size });
}

/** For who doesn't look at a chunk any more once the next is asked for. */
async function* released(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    yield chunk;
    releaseChunk(chunk);
  }
}

function ensurePacked(result: AnyJobResult): PackDigest {
  const packed = ensureResult(result);
  if ('fileHash' in packed) return packed;
  throw new FerryError('internal', 'a packing job ended without its hashes');
}

function ensureResult(result: AnyJobResult): JobResult {
  return ensure(result !== undefined && 'narHash' in result ? result : undefined);
}

function ensure<Result>(result: Result | undefined): Result {
  if (result === undefined) throw new FerryError('internal', 'a job ended without its result');
  return result;
}

function isFile(source: object): source is NarFile {
  return 'file' in source && typeof source.file === 'string';
}

/** A stream may have such a property too, and nothing in it. */
function isTree(source: object): source is { readonly tree: string } {
  return 'tree' in source && typeof source.tree === 'string';
}
