/** What the main thread and its worker threads say to each other. All of it survives structured cloning. */
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../../error.ts';
import type { DamagedLink, LinkedInodes, LinkJob, ShareResult } from '../link-jobs.ts';
import type { ContentAddressRequest, PackDigest, NarFile, TreeDigest } from '../tree-jobs.ts';
import type { Compression } from '../../format/compression.ts';

export type Job =
  | ({ readonly kind: 'pack'; readonly tree: string } & PackJob)
  | { readonly kind: 'decompress'; readonly compression: ThreadDecompression }
  | ({ readonly kind: 'unpack-tree'; readonly tree: string } & UnpackJob)
  | ({
      readonly kind: 'unpack-stream';
      /** How the NAR arrives; undefined: as it is. */
      readonly compression: UnpackDecompression | undefined;
    } & UnpackJob)
  | ({ readonly kind: 'unpack-file'; readonly nar: NarFile } & UnpackJob)
  | {
      readonly kind: 'hash';
      readonly tree: string;
      readonly ca: ContentAddressRequest | undefined;
      readonly scanFor: readonly string[];
    }
  | { readonly kind: 'canonicalise'; readonly tree: string }
  | { readonly kind: 'remove'; readonly tree: string; readonly isMeasured: boolean }
  | LinkJob;

/** What is decompressed by threads of ours. */
export type ThreadDecompression = Extract<Compression, 'bzip2' | 'lzip'>;
/** What a thread that unpacks can decompress by itself. */
export type UnpackDecompression = ThreadDecompression | 'zstd';

export interface PackJob {
  /** Bytes of the chunks that are sent, at most. */
  readonly chunkBytes: number;
  readonly compression: Compression;
  readonly level: number | undefined;
  /** Whether the NAR and the chunks are hashed. */
  readonly isHashed: boolean;
}

export interface UnpackJob {
  readonly target: string;
  readonly narSize: number | undefined;
  readonly ca: ContentAddressRequest | undefined;
  readonly sync: boolean;
  readonly canonical: boolean;
  /** Whether what is made in the target's directory inherits attributes that must go. */
  readonly stripXattrs: boolean;
}

export type JobResult = (TreeDigest | PackDigest) & { readonly found: readonly string[] };

/** What came of a job about links, under the name of what was asked. */
export interface LinkJobResult {
  readonly inodes?: LinkedInodes;
  readonly damaged?: readonly DamagedLink[];
  readonly names?: readonly string[];
  readonly shared?: ShareResult;
}

/** What a thread hands back; nothing where there is nothing to say. */
export type AnyJobResult = JobResult | LinkJobResult | undefined;

export type ToWorker =
  | { readonly kind: 'job'; readonly job: Job }
  /** More of the stream of `unpack-stream` or `decompress`. Its buffer comes back once it is used up. */
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'end' }
  /** Goes with the flag in shared memory, for a thread that waits for messages. */
  | { readonly kind: 'stop' };

export type ToMain =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'buffer'; readonly buffer: ArrayBuffer }
  /** Bytes of NAR since the last such message; of `remove`, once, the bytes that were freed. */
  | { readonly kind: 'progress'; readonly bytes: number }
  | { readonly kind: 'done'; readonly result: AnyJobResult }
  | { readonly kind: 'failed'; readonly error: ErrorData }
  | { readonly kind: 'stopped' };

/** An error of ours as data: a clone would lose its class and fields. */
export interface ErrorData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly path?: string;
  readonly store?: string;
  readonly offset?: number;
  /** What caused it, as text. */
  readonly cause?: string;
}

export function errorToData(error: unknown): ErrorData {
  if (!isFerryError(error)) {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { code: 'internal', message: `a worker thread failed: ${messageOf(error)}`, cause };
  }
  const { code, message, hint, path, store, offset, cause } = error;
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(path === undefined ? {} : { path }),
    ...(store === undefined ? {} : { store }),
    ...(offset === undefined ? {} : { offset }),
    ...(cause === undefined ? {} : { cause: messageOf(cause) }),
  };
}

export function errorFromData(data: ErrorData): FerryError {
  const { code, message, cause, ...details } = data;
  return new FerryError(code, message, {
    ...details,
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  });
}
