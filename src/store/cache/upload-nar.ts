/**
 * One path's NAR on its way into a cache: packed or taken from a stream, hashed, compressed, compared with what its
 * info says, and put under the name that its hash gives. Only then is there anything for a narinfo to name.
 */
import { releaseChunk } from '../../bytes/release.ts';
import { FerryError, isFerryError, messageOf } from '../../error.ts';
import { compressionSuffix } from '../../format/compression.ts';
import {
  formatDigest,
  formatHash,
  hashesEqual,
  StreamingHash,
  type Hash,
} from '../../format/hash.ts';
import { NarDecoder } from '../../format/nar/decoder.ts';
import { formatListing, ListingBuilder } from '../../format/nar/listing.ts';
import type { NarInfo } from '../../format/narinfo.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { hashPartOf, printStorePath } from '../../format/store-path.ts';
import { compress } from '../../system/compression/compress.ts';
import type { PackDigest } from '../../system/tree-jobs.ts';
import type { NarStream } from '../store.ts';
import type { CacheContext } from './cache-options.ts';
import { workConcurrently } from './concurrently.ts';
import { debugInfoLinks } from './debug-info.ts';
import { putText } from './put-text.ts';
import type { Spool } from './spool.ts';

export interface TakeOptions {
  readonly signal: AbortSignal;
  /** Bytes of NAR since the last call. */
  readonly onBytes: (bytes: number) => void;
}

/** A NAR that is what its info says, compressed and in a spool. */
export interface TakenNar {
  readonly info: PathInfo;
  readonly fileHash: Hash;
  readonly fileSize: number;
  readonly listing?: ListingBuilder | undefined;
}

const NAR_TYPE = 'application/x-nix-nar';
const JSON_TYPE = 'application/json';
/** Bytes of a file that is sent rather than asked for: either takes one request. */
const ASK_ABOVE = 32 * 1024;

/**
 * Fills the spool with the compressed NAR. Nothing is in the cache after that.
 * @throws FerryError `corrupt` when contents and info disagree; whatever the source throws
 */
export async function takeNar(
  context: CacheContext,
  info: PathInfo,
  nar: NarStream,
  spool: Spool,
  options: TakeOptions,
): Promise<TakenNar> {
  const { writesListing, indexesDebugInfo } = context.writing;
  const listing = writesListing || indexesDebugInfo ? new ListingBuilder() : undefined;
  try {
    const digest =
      nar.tree !== undefined && listing === undefined
        ? await packTree(context, nar.tree, spool, options)
        : await takeStream(context, streamOf(context, nar, options), listing, spool, options);
    compare(info, digest);
    return { info, fileHash: digest.fileHash, fileSize: digest.fileSize, listing };
  } catch (error) {
    if (!isFerryError(error, 'corrupt') || error.path !== undefined) throw error;
    const path = printStorePath(context.storeDir, info.path);
    throw new FerryError('corrupt', `cannot add path "${path}": ${messageOf(error)}`, {
      path,
      store: context.objects.uri,
      cause: error,
    });
  }
}

/** Puts what was taken into the cache, and all that belongs to it but its narinfo, which it gives. */
export async function putNar(
  context: CacheContext,
  taken: TakenNar,
  spool: Spool,
  signal: AbortSignal,
): Promise<NarInfo> {
  const { objects, writing } = context;
  const { info, fileHash, fileSize, listing } = taken;
  const url = `nar/${formatDigest(fileHash, 'nix32')}.nar${compressionSuffix(writing.compression)}`;
  const there = fileSize > ASK_ABOVE ? await objects.head(url, { signal }) : undefined;
  if (there?.size !== fileSize) {
    await objects.put(url, spool.contents(fileHash), { contentType: NAR_TYPE, signal });
  }
  if (listing !== undefined) await putListing(context, info, listing, url, signal);
  return { info, url, compression: writing.compression, fileHash, fileSize };
}

/** Compressed where it is packed: no other byte leaves the thread. */
async function packTree(
  { workers, writing }: CacheContext,
  tree: string,
  spool: Spool,
  { signal, onBytes }: TakeOptions,
): Promise<PackDigest> {
  const { compression, level, parallel } = writing;
  let digest: PackDigest | undefined;
  const onDigest = (found: PackDigest): void => {
    digest = found;
  };
  const compressed = { compression, level, parallel };
  await spool.fill(workers.pack(tree, { compress: compressed, signal, onDigest, onBytes }));
  if (digest === undefined) throw new FerryError('internal', 'a tree was packed without a digest');
  return digest;
}

async function takeStream(
  { writing }: CacheContext,
  nar: AsyncIterable<Uint8Array>,
  listing: ListingBuilder | undefined,
  spool: Spool,
  { signal, onBytes }: TakeOptions,
): Promise<PackDigest> {
  const { compression, level, parallel } = writing;
  const narHash = new StreamingHash('sha256');
  const fileHash = new StreamingHash('sha256');
  const decoder = listing === undefined ? undefined : new NarDecoder(listing);
  const contents = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of nar) {
      narHash.update(chunk);
      onBytes(chunk.length);
      const taken = decoder?.push(chunk) ?? chunk.length;
      if (taken < chunk.length) {
        throw new FerryError('corrupt', 'the NAR goes on after its end');
      }
      yield chunk;
      if (compression !== 'none') releaseChunk(chunk);
    }
    decoder?.finish();
  };
  const file = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of compress(compression, contents(), { level, parallel, signal })) {
      fileHash.update(chunk);
      yield chunk;
    }
  };
  await spool.fill(file());
  return {
    narHash: narHash.finish(),
    narSize: narHash.size,
    fileHash: fileHash.finish(),
    fileSize: fileHash.size,
  };
}

function streamOf(
  { workers }: CacheContext,
  nar: NarStream,
  { signal }: TakeOptions,
): AsyncIterable<Uint8Array> {
  return nar.tree === undefined ? nar : workers.pack(nar.tree, { signal });
}

function compare(info: PathInfo, { narHash, narSize }: PackDigest): void {
  if (!hashesEqual(narHash, info.narHash)) {
    const [got, wanted] = [narHash, info.narHash].map((hash) => formatHash(hash, 'sri'));
    throw new FerryError('corrupt', `its NAR has hash ${got} instead of ${wanted}`);
  }
  if (narSize !== info.narSize) {
    throw new FerryError('corrupt', `its NAR has ${narSize} bytes instead of ${info.narSize}`);
  }
}

async function putListing(
  { objects, writing }: CacheContext,
  info: PathInfo,
  builder: ListingBuilder,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const root = builder.finish();
  const put = { contentType: JSON_TYPE, signal };
  if (writing.writesListing) {
    const { listing: encoding } = writing.encodings;
    const text = formatListing(root);
    await putText(objects, `${hashPartOf(info.path)}.ls`, text, { ...put, encoding });
  }
  if (!writing.indexesDebugInfo) return;
  const concurrency = { max: objects.concurrency, signal };
  await workConcurrently(debugInfoLinks(root, url), concurrency, async ({ key, text }, signal) => {
    // The first one stays: another build of the same program serves as well.
    if ((await objects.head(key, { signal })) === undefined) {
      await putText(objects, key, text, { ...put, signal });
    }
  });
}
