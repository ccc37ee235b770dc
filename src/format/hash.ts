/**
 * Hashes and their texts: `sha256:<Nix32>`, `sha256:<base 16>`, `sha256:<base 64>`, and SRI `sha256-<base 64>`
 * (Nix manual, "Hashes"). Which encoding it is shows in the length.
 */
import type { Hash as NodeHash } from 'node:crypto';
import { decodeBase16, encodeBase16 } from '../bytes/base16.ts';
import { decodeBase64, encodeBase64 } from '../bytes/base64.ts';
import { decodeNix32, encodeNix32, nix32Length } from '../bytes/nix32.ts';
import { FerryError } from '../error.ts';
import { crypto } from './crypto.ts';

export type HashAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512';
export type HashEncoding = 'base16' | 'nix32' | 'base64' | 'sri';

export interface Hash {
  readonly algorithm: HashAlgorithm;
  readonly digest: Uint8Array;
}

const SIZES: Readonly<Record<HashAlgorithm, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
};

/** @throws FerryError `corrupt` for a name that is none of the four. */
export function parseHashAlgorithm(name: string): HashAlgorithm {
  if (Object.hasOwn(SIZES, name)) return name as HashAlgorithm;
  throw new FerryError('corrupt', `unknown hash algorithm "${name}"`, {
    hint: 'the algorithms are md5, sha1, sha256 and sha512',
  });
}

/**
 * Any of the texts above. Without an algorithm in the text itself, `algorithm` says which; where both are there they
 * must agree.
 * @throws FerryError `corrupt`
 */
export function parseHash(text: string, algorithm?: HashAlgorithm): Hash {
  const colon = text.indexOf(':');
  const dash = text.indexOf('-');
  const at = colon >= 0 ? colon : dash;
  const named = at >= 0 ? parseHashAlgorithm(text.slice(0, at)) : algorithm;
  if (named === undefined) {
    throw new FerryError('corrupt', `hash "${text}" does not say its algorithm`);
  }
  if (algorithm !== undefined && named !== algorithm) {
    throw new FerryError('corrupt', `hash "${text}" is not a ${algorithm}`);
  }
  return {
    algorithm: named,
    digest: decodeDigest(text, text.slice(at + 1), named, at >= 0 && colon < 0),
  };
}

function decodeDigest(
  text: string,
  digits: string,
  algorithm: HashAlgorithm,
  isSri: boolean,
): Uint8Array {
  const size = SIZES[algorithm];
  if (!isSri && digits.length === size * 2) return decodeBase16(digits);
  if (!isSri && digits.length === nix32Length(size)) return decodeNix32(digits);
  if (digits.length === Math.ceil(size / 3) * 4) {
    const digest = decodeBase64(digits);
    if (digest.length === size) return digest;
  }
  throw new FerryError('corrupt', `hash "${text}" has the wrong length for ${algorithm}`);
}

/** With the algorithm in front, `sha256:…` or for SRI `sha256-…`. */
export function formatHash(hash: Hash, encoding: HashEncoding = 'nix32'): string {
  const separator = encoding === 'sri' ? '-' : ':';
  return `${hash.algorithm}${separator}${formatDigest(hash, encoding)}`;
}

/** Without the algorithm. */
export function formatDigest(hash: Hash, encoding: HashEncoding = 'nix32'): string {
  switch (encoding) {
    case 'base16':
      return encodeBase16(hash.digest);
    case 'nix32':
      return encodeNix32(hash.digest);
    case 'base64':
    case 'sri':
      return encodeBase64(hash.digest);
  }
}

export function hashesEqual(a: Hash, b: Hash): boolean {
  return a.algorithm === b.algorithm && Buffer.compare(a.digest, b.digest) === 0;
}

/** Hash of bytes that are all there; text counts as UTF-8. */
export function hashBytes(algorithm: HashAlgorithm, data: Uint8Array | string): Hash {
  return {
    algorithm,
    digest: new Uint8Array(crypto().createHash(algorithm).update(data).digest()),
  };
}

/** Hash of bytes that come in pieces, with their count. */
export class StreamingHash {
  /** Bytes seen so far. */
  size = 0;
  readonly #algorithm: HashAlgorithm;
  readonly #state: NodeHash;

  constructor(algorithm: HashAlgorithm = 'sha256') {
    this.#algorithm = algorithm;
    this.#state = crypto().createHash(algorithm);
  }

  update(chunk: Uint8Array): void {
    this.#state.update(chunk);
    this.size += chunk.length;
  }

  /** To be called once, at the end. */
  finish(): Hash {
    return { algorithm: this.#algorithm, digest: new Uint8Array(this.#state.digest()) };
  }
}
