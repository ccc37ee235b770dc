/**
 * What a store knows of a valid path besides its contents. Signatures cover the fingerprint: path, NAR hash, NAR size
 * and references, nothing else. (Nix manual, "Store Object", "Signatures".)
 */
import { FerryError } from '../error.ts';
import { formatContentAddress, type ContentAddress } from './content-address.ts';
import { formatHash, type Hash } from './hash.ts';
import { contentAddressedPath } from './make-store-path.ts';
import { nameOf, printStorePath, type StoreDir, type StorePath } from './store-path.ts';

export interface PathInfo {
  readonly path: StorePath;
  /** SHA-256 of the NAR. */
  readonly narHash: Hash;
  /** Bytes of the NAR. */
  readonly narSize: number;
  /** Sorted, without duplicates; holds the path itself where it refers to itself. */
  readonly references: readonly StorePath[];
  /** The derivation it was built by, where that is known. */
  readonly deriver?: StorePath | undefined;
  /** Seconds since 1970 at which it became valid in that store; absent where the protocol doesn't say. */
  readonly registrationTime?: number | undefined;
  /** Built on the machine of that store: never carried to another. */
  readonly ultimate?: boolean | undefined;
  /** `<key name>:<base 64>` each, sorted. */
  readonly signatures: readonly string[];
  readonly ca?: ContentAddress | undefined;
}

/**
 * The text that is signed: `1;<path>;<NAR hash>;<NAR size>;<references>`.
 * @throws FerryError `corrupt` where the size isn't known.
 */
export function fingerprintOf(storeDir: StoreDir, info: PathInfo): string {
  if (info.narSize === 0) {
    throw new FerryError(
      'corrupt',
      `the NAR size of "${info.path}" is not known, so nothing can be signed`,
    );
  }
  const references = info.references.map((path) => printStorePath(storeDir, path));
  const path = printStorePath(storeDir, info.path);
  return `1;${path};${formatHash(info.narHash, 'nix32')};${info.narSize};${references.join(',')}`;
}

/** References to other paths: all but the path itself. */
export function otherReferences(info: PathInfo): readonly StorePath[] {
  return info.references.includes(info.path)
    ? info.references.filter((path) => path !== info.path)
    : info.references;
}

/**
 * Whether the content address that it claims gives just this path. Says nothing about the contents: whoever adds them
 * hashes them.
 */
export function isContentAddressed(storeDir: StoreDir, info: PathInfo): boolean {
  if (info.ca === undefined) return false;
  const others = otherReferences(info);
  try {
    const path = contentAddressedPath(storeDir, nameOf(info.path), info.ca, {
      others,
      self: others.length < info.references.length,
    });
    return path === info.path;
  } catch {
    return false;
  }
}

/** Whether both say the same of the contents: what a copy must keep. Registration time and trust may differ. */
export function sameContents(a: PathInfo, b: PathInfo): boolean {
  return (
    a.path === b.path &&
    a.narSize === b.narSize &&
    formatHash(a.narHash) === formatHash(b.narHash) &&
    a.references.join() === b.references.join() &&
    (a.ca && formatContentAddress(a.ca)) === (b.ca && formatContentAddress(b.ca))
  );
}
