/**
 * Nix's pure formats: hashes, store paths, content addresses, path infos, signatures, derivations.
 *
 * ```ts
 * import { contentAddressedPath, defaultStoreDir, hashBytes } from 'nix-ferry/format';
 *
 * const ca = { method: 'text', hash: hashBytes('sha256', 'hello') } as const;
 * console.log(contentAddressedPath(defaultStoreDir, 'hello.txt', ca)); // q790zdjk75hm2cn42nh77pqw4gbv1b88-hello.txt
 * ```
 */
export { decodeBase16, encodeBase16 } from '../bytes/base16.ts';
export { decodeBase64, encodeBase64 } from '../bytes/base64.ts';
export { decodeNix32, encodeNix32, isNix32, nix32Length } from '../bytes/nix32.ts';
export {
  formatContentAddress,
  parseContentAddress,
  type ContentAddress,
  type ContentAddressMethod,
} from '../format/content-address.ts';
export {
  formatDigest,
  formatHash,
  hashBytes,
  hashesEqual,
  parseHash,
  StreamingHash,
  type Hash,
  type HashAlgorithm,
  type HashEncoding,
} from '../format/hash.ts';
export {
  contentAddressedPath,
  outputPath,
  type NamedReferences,
} from '../format/make-store-path.ts';
export {
  fingerprintOf,
  isContentAddressed,
  otherReferences,
  sameContents,
  type PathInfo,
} from '../format/path-info.ts';
export {
  formatPublicKey,
  formatSecretKey,
  generateSecretKey,
  isSignature,
  parsePublicKey,
  parseSecretKey,
  signText,
  TrustedKeys,
  type PublicKey,
  type SecretKey,
} from '../format/signature.ts';
export {
  compareStorePaths,
  defaultStoreDir,
  hashPartOf,
  isDerivation,
  nameOf,
  parseStoreDir,
  parseStorePath,
  parseStorePathBaseName,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../format/store-path.ts';
export {
  formatDerivation,
  parseDerivation,
  type Derivation,
  type DerivationOutput,
} from '../format/derivation.ts';
export { hashDerivation, outputPathsOf } from '../format/hash-derivation-modulo.ts';
export {
  addToNarInfo,
  formatNarInfo,
  narInfoKey,
  parseNarInfo,
  type NarInfo,
} from '../format/narinfo.ts';
export { formatCacheInfo, parseCacheInfo, type CacheInfo } from '../format/cache-info.ts';
export { compressions, parseCompression, type Compression } from '../format/compression.ts';
