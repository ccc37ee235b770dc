/**
 * What worker threads do with file trees: each job is one store path's worth of packing, unpacking or hashing, done
 * with synchronous file calls on a thread of its own. This is the vocabulary; `threads/` runs it.
 */
import type { Compression } from '../format/compression.ts';
import type { Hash } from '../format/hash.ts';
import type { ContentAddressRequest } from '../format/nar/ca-hash.ts';
import type { LinkWorkers } from './link-jobs.ts';

export type { ContentAddressRequest };

/** What a tree turned out to be. */
export interface TreeDigest {
  /** SHA-256 of its NAR. */
  readonly narHash: Hash;
  /** Bytes of its NAR. */
  readonly narSize: number;
  /**
   * The hashes its content address may have, where one was asked for: two where a path refers to itself, since Nix 2.17
   * to 2.34 left the positions of the references out (formats differ between releases, both are accepted).
   */
  readonly caHashes?: readonly Hash[] | undefined;
}

/** A NAR as it arrives compressed. */
export interface CompressedNar {
  readonly compression: Compression;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A NAR in a file on this machine, compressed or not: read, checked and unpacked by one thread. */
export interface NarFile {
  readonly file: string;
  readonly compression: FileCompression;
  /** A file that is longer is refused. */
  readonly bytesMax: number;
  /** The size that it must have, where that is known. */
  readonly bytes?: number | undefined;
  /** The hash that it must have, where that is known. */
  readonly hash?: Hash | undefined;
  /** Where it is no file by itself but lies in another: `bytes` is its size then. */
  readonly within?: FileRange | undefined;
}

/**
 * Bytes within a file, cut into pieces that have their lengths in front of them, 64 bits each: all are of `pieceBytes`
 * but the last, which is shorter.
 */
export interface FileRange {
  /** Where the length of the first piece is. */
  readonly offset: number;
  readonly pieceBytes: number;
}

/** What a thread undoes while it reads. */
export type FileCompression = 'none' | 'zstd' | 'bzip2' | 'lzip';

export interface UnpackRequest {
  /**
   * A NAR as it arrives, compressed or not, whose chunks are the workers' to release; or a file that holds it, or a tree
   * on this machine that is packed by the same thread.
   */
  readonly source: AsyncIterable<Uint8Array> | CompressedNar | NarFile | { readonly tree: string };
  /** The path to make; nothing may be there yet. */
  readonly target: string;
  /** The size that the NAR must have: a stream is refused once it is longer. */
  readonly narSize?: number | undefined;
  readonly ca?: ContentAddressRequest | undefined;
  /** Whether files are forced to the disk before the job ends (setting `fsync-store-paths`). */
  readonly sync?: boolean | undefined;
  /** Metadata as in a store, the default. Otherwise modes are 0644 and 0755 and times are now, as of what people unpack. */
  readonly canonical?: boolean | undefined;
  /** Bytes of NAR since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CanonicaliseOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface HashRequest {
  readonly tree: string;
  readonly ca?: ContentAddressRequest | undefined;
  /** Hash parts to look for in the contents; those found come back in `found`. */
  readonly scanFor?: readonly string[] | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PackOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the chunks that come out, at most; never fewer than 64 KiB. Default 256 KiB. */
  readonly chunkBytes?: number | undefined;
  /**
   * What comes out is compressed, to the same bytes each time. Unless it is `parallel`, zstd and gzip are done on the
   * packing thread too, and no other byte leaves it: the fastest way where there are several paths, since each thread
   * is busy with one.
   */
  readonly compress?: PackCompression | undefined;
  /** Called once, when all was packed and before the iteration ends. Nothing is hashed without it. */
  readonly onDigest?: ((digest: PackDigest) => void) | undefined;
  /** Bytes of NAR since the last call, as they are packed, compressed or not. They add up to the size of the NAR. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface PackCompression {
  /** @throws FerryError `unsupported` for one that can't be written */
  readonly compression: Compression;
  /** As Nix's `compression-level`; −1 or nothing is the default of the method. */
  readonly level?: number | undefined;
  /** Several processors for this one tree, where the method lends itself to it: see `CompressOptions`. Default false. */
  readonly parallel?: boolean | undefined;
}

/** What was packed, and what came out of it: the two differ where it was compressed. */
export interface PackDigest extends TreeDigest {
  /** SHA-256 of the chunks that came out. */
  readonly fileHash: Hash;
  /** Bytes of the chunks that came out. */
  readonly fileSize: number;
}

export interface RemoveTreeOptions {
  /**
   * Called once, where all of it was removed: bytes of the files that nothing shares any more but, perhaps, their entry
   * in `.links`.
   */
  readonly onFreed?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TreeWorkers extends LinkWorkers, AsyncDisposable {
  /** How many jobs run at the same time. */
  readonly width: number;
  /** The NAR of a tree, chunk by chunk; each chunk is the caller's. The tree is not checked against any hash. */
  pack(tree: string, options?: PackOptions): AsyncIterable<Uint8Array>;
  /**
   * Writes a tree, as a rule with canonical metadata (modes 0444, 0555, mtime 1), hashing it. On failure the target is
   * removed.
   * @throws FerryError `corrupt` for a malformed NAR or one of another size, `no-space`, `denied`.
   */
  unpack(request: UnpackRequest): Promise<TreeDigest>;
  /**
   * Gives a tree that lies on disk the metadata of a store, without following any link. After an abort part of it is done.
   * @throws FerryError `not-found`, `denied`, `unsupported` for what a store can't hold
   */
  canonicalise(tree: string, options?: CanonicaliseOptions): Promise<void>;
  /** Hashes a tree as it lies on disk. */
  hash(request: HashRequest): Promise<TreeDigest & { readonly found: readonly string[] }>;
  /**
   * Removes a tree, read-only directories included; nothing there is fine. After an abort it is over when this has
   * rejected, and part of the tree may be left.
   */
  remove(tree: string, options?: RemoveTreeOptions): Promise<void>;
}
