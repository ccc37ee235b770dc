/** What both protocols send of stores: paths, hashes, content addresses, signatures. Paths go in full, as strings. */
import { andThen } from '../bytes/maybe-promise.ts';
import {
  formatContentAddress,
  parseContentAddress,
  type ContentAddress,
} from '../format/content-address.ts';
import { formatDigest, formatHash, parseHash, type Hash } from '../format/hash.ts';
import {
  compareStorePaths,
  parseStorePath,
  printStorePath,
  type StorePath,
} from '../format/store-path.ts';
import type { Codec } from './codec.ts';
import { list, map, string } from './combinators.ts';

/** More paths than this in one message are refused: ten times the largest closure anyone has reported. */
export const pathsMax = 1_000_000;
/** Signatures of one path; a handful is usual. */
const signaturesMax = 10_000;

/** Room for a long store directory before the longest base name. */
const pathText = string(4096);
/** The longest is SHA-512 in base 16, with a prefix. */
const hashText = string(256);

export const storePath: Codec<StorePath> = {
  read: (reader, context) =>
    andThen(pathText.read(reader, context), (text) => parseStorePath(context.storeDir, text)),
  write: (writer, path, context) => writer.string(printStorePath(context.storeDir, path)),
};

/** A path, or an empty string for none. */
export const optionalStorePath: Codec<StorePath | undefined> = {
  read: (reader, context) =>
    andThen(pathText.read(reader, context), (text) =>
      text === '' ? undefined : parseStorePath(context.storeDir, text),
    ),
  write: (writer, path, context) =>
    writer.string(path === undefined ? '' : printStorePath(context.storeDir, path)),
};

/** Written in order, as Nix does. Read in any order: sorted and without duplicates afterwards. */
export const storePathSet: Codec<readonly StorePath[]> = map(
  list(storePath, pathsMax),
  toSet,
  toSet,
);

function toSet(paths: readonly StorePath[]): readonly StorePath[] {
  for (let i = 1; i < paths.length; i++) {
    if ((paths[i - 1] as StorePath) >= (paths[i] as StorePath)) {
      return [...new Set(paths)].sort(compareStorePaths);
    }
  }
  return paths;
}

/** A SHA-256: read in any text form, written as `sha256:<Nix32>`. */
export const narHash: Codec<Hash> = map(
  hashText,
  (text) => parseHash(text, 'sha256'),
  (hash) => formatHash(hash, 'nix32'),
);

/** A SHA-256: read in any text form, written as its 64 digits of base 16 alone. */
export const bareNarHash: Codec<Hash> = map(
  hashText,
  (text) => parseHash(text, 'sha256'),
  (hash) => formatDigest(hash, 'base16'),
);

/** A content address, or an empty string for none. */
export const optionalContentAddress: Codec<ContentAddress | undefined> = map(
  hashText,
  (text) => (text === '' ? undefined : parseContentAddress(text)),
  (ca) => (ca === undefined ? '' : formatContentAddress(ca)),
);

/** Sorted, without duplicates. What a signature says is checked where it is used. */
export const signatures: Codec<readonly string[]> = map(
  list(string(4096), signaturesMax),
  (read): readonly string[] => [...new Set(read)].sort(),
  (value) => value,
);
