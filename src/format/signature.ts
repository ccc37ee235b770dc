/**
 * Ed25519 keys and signatures as Nix writes them: `<key name>:<base 64>`. A secret key is the 32-byte seed followed by
 * the 32-byte public key; a signature has 64 bytes. (Nix manual, "nix key", "Signatures".)
 */
import type { KeyObject } from 'node:crypto';
import { decodeBase64, encodeBase64 } from '../bytes/base64.ts';
import { FerryError } from '../error.ts';
import { crypto } from './crypto.ts';

export interface PublicKey {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface SecretKey {
  readonly name: string;
  readonly seed: Uint8Array;
  readonly publicKey: PublicKey;
}

// The DER prefixes that turn raw Ed25519 keys into what node:crypto takes (RFC 8410).
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** @throws FerryError `corrupt`; the message never holds the text. */
export function parseSecretKey(text: string): SecretKey {
  const { name, bytes } = splitKey(text.trim(), 64, 'secret key');
  const publicKey = { name, bytes: bytes.subarray(32) };
  return { name, seed: bytes.subarray(0, 32), publicKey };
}

/** Whether the public key in a secret key is the one that its signatures verify with. */
export function isWholeKey(key: SecretKey): boolean {
  const publicDer = crypto().createPublicKey(privateKeyOf(key)).export({
    format: 'der',
    type: 'spki',
  });
  return Buffer.compare(publicDer.subarray(SPKI.length), key.publicKey.bytes) === 0;
}

export function formatSecretKey(key: SecretKey): string {
  return `${key.name}:${encodeBase64(Buffer.concat([key.seed, key.publicKey.bytes]))}`;
}

/** @throws FerryError `corrupt` */
export function parsePublicKey(text: string): PublicKey {
  return splitKey(text.trim(), 32, 'public key');
}

export function formatPublicKey(key: PublicKey): string {
  return `${key.name}:${encodeBase64(key.bytes)}`;
}

/** A new key pair. @throws FerryError `usage` for a name that a line of text can't have before its colon. */
export function generateSecretKey(name: string): SecretKey {
  if (!/^[\x21-\x39\x3b-\x7e]{1,200}$/.test(name)) {
    throw new FerryError(
      'usage',
      `"${name}" can't name a key: it is empty, too long, or has a colon, a blank or what isn't ASCII`,
    );
  }
  const pair = crypto().generateKeyPairSync('ed25519');
  const der = pair.privateKey.export({ format: 'der', type: 'pkcs8' });
  const publicDer = pair.publicKey.export({ format: 'der', type: 'spki' });
  return {
    name,
    seed: new Uint8Array(der.subarray(PKCS8.length)),
    publicKey: { name, bytes: new Uint8Array(publicDer.subarray(SPKI.length)) },
  };
}

/** The signature of a text, `<key name>:<base 64>`. */
export function signText(key: SecretKey, text: string): string {
  return `${key.name}:${encodeBase64(crypto().sign(null, Buffer.from(text), privateKeyOf(key)))}`;
}

/** Taking a key apart costs as much as signing with it. */
const privateKeys = new WeakMap<SecretKey, KeyObject>();

function privateKeyOf(key: SecretKey): KeyObject {
  const known = privateKeys.get(key);
  if (known !== undefined) return known;
  const loaded = crypto().createPrivateKey({
    key: Buffer.concat([PKCS8, key.seed]),
    format: 'der',
    type: 'pkcs8',
  });
  privateKeys.set(key, loaded);
  return loaded;
}

/** Keys that are trusted, by name. Of two keys with one name the first counts, as in Nix. */
export class TrustedKeys {
  readonly #keys = new Map<string, PublicKey>();
  readonly #loaded = new Map<string, KeyObject>();

  constructor(keys: Iterable<PublicKey>) {
    for (const key of keys) {
      if (!this.#keys.has(key.name)) this.#keys.set(key.name, key);
    }
  }

  get names(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** Whether a signature is by one of these keys and holds for the text. A malformed one simply doesn't. */
  verifies(signature: string, text: string): boolean {
    const colon = signature.indexOf(':');
    const key = colon > 0 ? this.#keys.get(signature.slice(0, colon)) : undefined;
    if (key === undefined) return false;
    try {
      const loaded = this.#loaded.get(key.name) ?? toKeyObject(key);
      this.#loaded.set(key.name, loaded);
      const bytes = decodeBase64(signature.slice(colon + 1));
      return bytes.length === 64 && crypto().verify(null, Buffer.from(text), loaded, bytes);
    } catch {
      return false;
    }
  }
}

/** The names of the keys that signatures say they are by, each once. */
export function signersOf(signatures: Iterable<string>): string[] {
  const names = Array.from(signatures, (text) => text.slice(0, Math.max(text.indexOf(':'), 0)));
  return [...new Set(names)].filter((name) => name !== '').sort();
}

/** Whether it has the shape of a signature; stores must not keep others, newer Nix fails to read them. */
export function isSignature(text: string): boolean {
  try {
    splitKey(text, 64, 'signature');
    // Names are shown to people: what steers a terminal is no part of them.
    return !/[\s\p{Cc}]/u.test(text);
  } catch {
    return false;
  }
}

function toKeyObject(key: PublicKey): KeyObject {
  return crypto().createPublicKey({
    key: Buffer.concat([SPKI, key.bytes]),
    format: 'der',
    type: 'spki',
  });
}

function splitKey(text: string, size: number, what: string): { name: string; bytes: Uint8Array } {
  const colon = text.indexOf(':');
  if (colon <= 0) {
    throw new FerryError('corrupt', `the ${what} is not of the form NAME:BASE64`);
  }
  const name = text.slice(0, colon);
  let bytes: Uint8Array;
  try {
    bytes = decodeBase64(text.slice(colon + 1));
  } catch {
    // The text of a secret key must not reach a message, also where it stands in the place of a public one.
    throw new FerryError('corrupt', `the ${what} "${name}" is not valid: not base 64`);
  }
  if (bytes.length !== size) {
    throw new FerryError(
      'corrupt',
      `the ${what} "${name}" has ${bytes.length} bytes instead of ${size}`,
    );
  }
  return { name, bytes };
}
