/**
 * The vocabulary of NARs: what a file tree is, told in order. Reading an archive, walking a directory, writing either,
 * listing and hashing all speak it; each side is a `NarVisitor`, or calls one.
 */
import type { ByteString } from '../../bytes/byte-string.ts';

/**
 * Told of one file-system object, depth first, entries of a directory in byte order of their names.
 * `name` is the entry's name, or '' for the root. Every `directory` has its `leave`, every `file` exactly `size` bytes
 * in `data` and then its `endFile`. Calls are synchronous: whoever drives waits elsewhere.
 */
export interface NarVisitor {
  directory(name: ByteString): void;
  leave(): void;
  file(name: ByteString, file: NarFile): void;
  /** A view that is valid during the call only. */
  data(chunk: Uint8Array): void;
  endFile(): void;
  symlink(name: ByteString, target: ByteString): void;
}

export interface NarFile {
  readonly executable: boolean;
  /** Bytes of content. */
  readonly size: number;
  /** Where in the NAR the content begins, in bytes; absent when the tree doesn't come out of a NAR. */
  readonly offset?: number;
}

/** Deepest node of an archive that Nix 2.34 takes; the root has depth 0. */
export const narDepthMax = 63;
/** Bytes of the longest entry name. */
export const narNameLengthMax = 255;
/** Bytes of the longest target of a symbolic link. */
export const narTargetLengthMax = 4095;

/** Sees and does nothing: for who wants an archive checked, or its end found. */
export const ignoreNar: NarVisitor = {
  directory() {},
  leave() {},
  file() {},
  data() {},
  endFile() {},
  symlink() {},
};
