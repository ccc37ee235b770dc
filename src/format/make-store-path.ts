/**
 * How store paths come about: a fingerprint of type, inner digest, store directory and name is hashed and folded to
 * twenty bytes. All four kinds are here: text, source, other fixed content, outputs of derivations.
 * (Nix manual, "Complete Store Path Calculation".)
 */
import { encodeBase16 } from '../bytes/base16.ts';
import { encodeNix32 } from '../bytes/nix32.ts';
import { FerryError } from '../error.ts';
import type { ContentAddress } from './content-address.ts';
import { formatHash, hashBytes, type Hash } from './hash.ts';
import {
  compareStorePaths,
  printStorePath,
  storePathNameProblem,
  type StoreDir,
  type StorePath,
} from './store-path.ts';

/** References that are part of what a content-addressed path is named after. */
export interface NamedReferences {
  readonly others: Iterable<StorePath>;
  /** Whether it refers to itself; its own name can't stand in its fingerprint. */
  readonly self: boolean;
}

const NO_REFERENCES: NamedReferences = { others: [], self: false };

/**
 * The path that contents with this address have.
 * @throws FerryError `corrupt` for a name that none can have, references where the method allows none.
 */
export function contentAddressedPath(
  storeDir: StoreDir,
  name: string,
  ca: ContentAddress,
  references: NamedReferences = NO_REFERENCES,
): StorePath {
  const others = [...references.others].sort(compareStorePaths);
  if (ca.method === 'text') {
    if (references.self) throw new FerryError('corrupt', `text path "${name}" refers to itself`);
    return makePath(storeDir, typeWithReferences('text', storeDir, others, false), ca.hash, name);
  }
  if (ca.method === 'nar' && ca.hash.algorithm === 'sha256') {
    const type = typeWithReferences('source', storeDir, others, references.self);
    return makePath(storeDir, type, ca.hash, name);
  }
  if (others.length > 0 || references.self) {
    throw new FerryError('corrupt', `path "${name}" with a fixed hash can't have references`);
  }
  const prefix = ca.method === 'nar' ? 'r:' : '';
  const inner = hashBytes('sha256', `fixed:out:${prefix}${formatHash(ca.hash, 'base16')}:`);
  return makePath(storeDir, 'output:out', inner, name);
}

/** The path of a derivation's output; `digest` is the derivation's hash modulo its fixed outputs. */
export function outputPath(
  storeDir: StoreDir,
  drvName: string,
  outputName: string,
  digest: Hash,
): StorePath {
  const name = outputName === 'out' ? drvName : `${drvName}-${outputName}`;
  return makePath(storeDir, `output:${outputName}`, digest, name);
}

function typeWithReferences(
  type: string,
  storeDir: StoreDir,
  others: readonly StorePath[],
  self: boolean,
): string {
  const names = others.map((path) => printStorePath(storeDir, path));
  return [type, ...names, ...(self ? ['self'] : [])].join(':');
}

function makePath(storeDir: StoreDir, type: string, inner: Hash, name: string): StorePath {
  const problem = storePathNameProblem(name);
  if (problem !== undefined) {
    throw new FerryError('corrupt', `"${name}" can't be the name of a store path: ${problem}`);
  }
  const fingerprint = `${type}:${inner.algorithm}:${encodeBase16(inner.digest)}:${storeDir}:${name}`;
  const folded = foldTo20(hashBytes('sha256', fingerprint).digest);
  return `${encodeNix32(folded)}-${name}` as StorePath;
}

/** A longer digest folded to the twenty bytes of a hash part. */
export function foldTo20(digest: Uint8Array): Uint8Array {
  const folded = new Uint8Array(20);
  digest.forEach((byte, i) => {
    folded[i % 20] = (folded[i % 20] as number) ^ byte;
  });
  return folded;
}
