/**
 * How the NARs of a binary cache are compressed: the names that narinfos and store URIs use (Nix manual, "Binary cache
 * store", `compression`), and what their files are called. The bytes themselves are the matter of
 * `system/compression/`.
 */

export type Compression = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'br' | 'lzip';

/** Those that can be read. */
export const compressions: readonly Compression[] = [
  'none',
  'gzip',
  'bzip2',
  'xz',
  'zstd',
  'br',
  'lzip',
];

/** Nix gives the files of `gzip` no suffix of their own, and readers go by the narinfo anyway. */
const SUFFIXES: Readonly<Record<Compression, string>> = {
  none: '',
  gzip: '',
  bzip2: '.bz2',
  xz: '.xz',
  zstd: '.zst',
  br: '.br',
  lzip: '.lzip',
};

const NOT_WRITABLE: ReadonlySet<Compression> = new Set<Compression>(['bzip2', 'lzip']);

/** By its name in a narinfo or a store URI; undefined for one that isn't known here (`lz4`, `lzma`, …). */
export function parseCompression(text: string): Compression | undefined {
  return compressions.find((name) => name === text);
}

/** What follows `.nar` in the name of a file, with its dot; empty for `none` and `gzip`. */
export function compressionSuffix(compression: Compression): string {
  return SUFFIXES[compression];
}

/** Whether it can be written, not only read. */
export function isWritable(compression: Compression): boolean {
  return !NOT_WRITABLE.has(compression);
}
