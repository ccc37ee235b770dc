/**
 * The NARs of a cache, as streams that are opened when they are read. What a narinfo says of its file is a hint, and
 * checked all the same as the bytes pass; whether the NAR is the right one is decided by who takes it.
 */
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { parseCompression, type Compression } from '../../format/compression.ts';
import { formatHash, hashesEqual, StreamingHash } from '../../format/hash.ts';
import type { NarInfo } from '../../format/narinfo.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { printStorePath, type StoreDir, type StorePath } from '../../format/store-path.ts';
import { ZstdDecoder } from '../../system/compression/zstd-decoder.ts';
import type { NarFile } from '../../system/tree-jobs.ts';
import { decompress } from '../../system/compression/decompress.ts';
import type { NarStream } from '../store.ts';
import type { NarInfos } from './narinfos.ts';
import type { Objects } from './objects.ts';
import { ReadAhead } from './read-ahead.ts';

export interface NarSource {
  readonly objects: Objects;
  readonly storeDir: StoreDir;
  readonly narInfos: NarInfos;
}

/** Paths whose narinfos are asked for at once, where they aren't known. */
const BATCH_PATHS = 256;
/**
 * Files are smaller than their NARs, mostly. Without a limit one that nothing comes out of, frames to be skipped for
 * one, might go on for ever.
 */
const FILE_SLACK_BYTES = 1024 * 1024;
/** Paths that are looked at to find small ones among them. */
const LOOK_AHEAD = 128;

/** @throws FerryError `not-found` for a path that the cache doesn't have. */
export async function* readNars(
  source: NarSource,
  paths: Iterable<StorePath>,
  signal: AbortSignal,
): AsyncGenerator<NarStream, void, undefined> {
  const ahead = new ReadAhead(source.objects, signal);
  const iterator = paths[Symbol.iterator]();
  const queue: NarInfo[] = [];
  let missing: StorePath | undefined;
  const refill = async (): Promise<void> => {
    const batch: StorePath[] = [];
    for (let next; batch.length < BATCH_PATHS && (next = iterator.next()).done !== true; ) {
      batch.push(next.value);
    }
    const found = await source.narInfos.query(batch, { signal, isStrict: true });
    for (const path of batch) {
      const narInfo = found.get(path);
      if (narInfo === undefined) missing ??= path;
      if (narInfo === undefined || missing !== undefined) break;
      queue.push(narInfo);
    }
  };
  let isMore = true;
  try {
    for (;;) {
      if (isMore && missing === undefined && queue.length < LOOK_AHEAD) {
        const before = queue.length;
        await refill();
        isMore = queue.length > before;
      }
      // What lies on this machine is as near later.
      if (source.objects.locate === undefined) ahead.fetch(queue.slice(0, LOOK_AHEAD));
      const narInfo = queue.shift();
      if (narInfo === undefined) break;
      const { path } = narInfo.info;
      ahead.handOut(path);
      yield streamOf(source, narInfo, ahead, signal);
    }
    if (missing !== undefined) throw source.narInfos.notFound(missing);
  } finally {
    ahead.end();
  }
}

function streamOf(
  source: NarSource,
  narInfo: NarInfo,
  ahead: ReadAhead,
  signal: AbortSignal,
): NarStream {
  const compression = parseCompression(narInfo.compression);
  return {
    path: narInfo.info.path,
    isIndependent: true,
    [Symbol.asyncIterator]: () => readNar(source, narInfo, ahead, signal),
    compressed: compression && {
      compression,
      file: narFileOf(source, narInfo, compression),
      bytes: () => readFile(source, narInfo, ahead, signal),
      describe: (error) => cannotRead(source, narInfo, error),
    },
  };
}

/** For threads that read it themselves. What isn't there is left to `readFile`, which knows what to do about it. */
function narFileOf(
  { objects }: NarSource,
  { url, info, fileSize, fileHash }: NarInfo,
  compression: Compression,
): NarFile | undefined {
  if (compression === 'gzip' || compression === 'xz' || compression === 'br') return undefined;
  if (compression === 'zstd' && !ZstdDecoder.isAvailable) return undefined;
  const file = objects.locate?.(url);
  return file === undefined
    ? undefined
    : { file, compression, bytesMax: fileBytesMax(info), bytes: fileSize, hash: fileHash };
}

function fileBytesMax({ narSize }: PathInfo): number {
  return 2 * narSize + FILE_SLACK_BYTES;
}

/** The file as it is, checked. It can't turn out to be compressed in another way than was said. */
async function* readFile(
  source: NarSource,
  narInfo: NarInfo,
  ahead: ReadAhead,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const found = await locate(source, narInfo, ahead, signal);
  if (found.compression !== parseCompression(narInfo.compression)) {
    const problem = 'it was compressed anew meanwhile';
    throw cannotRead(source, narInfo, new FerryError('unavailable', problem));
  }
  try {
    yield* checkedFile(found.bytes, found.narInfo);
  } catch (error) {
    throw isFerryError(error, 'corrupt') ? cannotRead(source, found.narInfo, error) : error;
  }
}

async function* readNar(
  source: NarSource,
  narInfo: NarInfo,
  ahead: ReadAhead,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const found = await locate(source, narInfo, ahead, signal);
  const { info } = found.narInfo;
  const bytesMax = info.narSize;
  let size = 0;
  try {
    const file = checkedFile(found.bytes, found.narInfo);
    for await (const chunk of decompress(found.compression, file, { bytesMax, signal })) {
      size += chunk.length;
      yield chunk;
    }
    if (size !== info.narSize) {
      throw new FerryError('corrupt', `${size} bytes come out of it instead of ${info.narSize}`);
    }
  } catch (error) {
    throw isFerryError(error, 'corrupt') ? cannotRead(source, found.narInfo, error) : error;
  }
}

async function locate(
  source: NarSource,
  narInfo: NarInfo,
  ahead: ReadAhead,
  signal: AbortSignal,
): Promise<FoundFile> {
  const compression = compressionOf(source, narInfo);
  const fetched = await ahead.take(narInfo.info.path);
  return fetched === undefined
    ? await findFile(source, narInfo, signal)
    : { narInfo, compression, bytes: oneChunk(fetched) };
}

interface FoundFile {
  /** The one that the file belongs to. */
  readonly narInfo: NarInfo;
  readonly compression: Compression;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Where there is no file of that name, the cache may have been made anew since its narinfo was read: it is asked once
 * more, and believed where it still means the same contents.
 */
async function findFile(
  source: NarSource,
  narInfo: NarInfo,
  signal: AbortSignal,
): Promise<FoundFile> {
  const { objects, narInfos } = source;
  const open = async (of: NarInfo): Promise<FoundFile | undefined> => {
    const compression = compressionOf(source, of);
    const body = await objects.get(of.url, { sizeHint: of.fileSize, signal });
    return body && { narInfo: of, compression, bytes: body.bytes };
  };
  const found = await open(narInfo);
  if (found !== undefined) return found;
  const { path, narHash } = narInfo.info;
  const fresh = await narInfos.get(path, { isFresh: true, signal });
  const isAnother =
    fresh !== undefined && fresh.url !== narInfo.url && hashesEqual(fresh.info.narHash, narHash);
  const foundNow = isAnother ? await open(fresh) : undefined;
  if (foundNow !== undefined) return foundNow;
  throw cannotRead(source, narInfo, new FerryError('not-found', 'there is no such file'));
}

function compressionOf(source: NarSource, narInfo: NarInfo): Compression {
  const compression = parseCompression(narInfo.compression);
  if (compression !== undefined) return compression;
  const problem = `its compression "${narInfo.compression}" is not known here`;
  throw cannotRead(source, narInfo, new FerryError('unsupported', problem));
}

function cannotRead(
  { objects, storeDir }: NarSource,
  { info, url }: NarInfo,
  error: FerryError,
): FerryError {
  const path = printStorePath(storeDir, info.path);
  return new FerryError(
    error.code,
    `cannot read "${url}" in "${objects.uri}", the NAR of "${path}": ${messageOf(error)}`,
    { path, store: objects.uri, cause: error },
  );
}

/** Fails where the file is another one than the narinfo says. */
async function* checkedFile(
  bytes: AsyncIterable<Uint8Array>,
  { info, fileSize, fileHash }: NarInfo,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = fileHash && new StreamingHash(fileHash.algorithm);
  const sizeMax = fileBytesMax(info);
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > sizeMax) {
      throw new FerryError(
        'corrupt',
        `it goes on for longer than a NAR of ${info.narSize} bytes can`,
      );
    }
    if (fileSize !== undefined && size > fileSize) {
      throw new FerryError('corrupt', `it is longer than the ${fileSize} bytes of its narinfo`);
    }
    hash?.update(chunk);
    yield chunk;
  }
  if (fileSize !== undefined && size < fileSize) {
    throw new FerryError('corrupt', `it has ${size} bytes instead of ${fileSize}`);
  }
  const got = hash?.finish();
  if (fileHash !== undefined && got !== undefined && !hashesEqual(fileHash, got)) {
    const problem = `it has hash ${formatHash(got)} instead of ${formatHash(fileHash)}`;
    throw new FerryError('corrupt', problem);
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
