/**
 * Content addresses: how a path's contents prove its name. Text form as narinfos, databases and protocols have it:
 * `text:sha256:<hash>`, `fixed:<hash>` (a flat file), `fixed:r:<hash>` (its NAR). (Nix manual, "Content-Addressing Store Objects".)
 */
import { FerryError } from '../error.ts';
import { formatHash, parseHash, type Hash } from './hash.ts';

/** How the contents are turned into the bytes that are hashed. */
export type ContentAddressMethod = 'text' | 'flat' | 'nar';

export interface ContentAddress {
  readonly method: ContentAddressMethod;
  readonly hash: Hash;
}

/** @throws FerryError `corrupt`, `unsupported` for git hashing, which is experimental. */
export function parseContentAddress(text: string): ContentAddress {
  if (text.startsWith('text:')) {
    return { method: 'text', hash: parseHash(text.slice('text:'.length), 'sha256') };
  }
  if (text.startsWith('fixed:git:')) {
    throw new FerryError('unsupported', `content address "${text}" hashes as Git does`);
  }
  if (text.startsWith('fixed:r:')) {
    return { method: 'nar', hash: parsePrefixed(text, text.slice('fixed:r:'.length)) };
  }
  if (text.startsWith('fixed:')) {
    return { method: 'flat', hash: parsePrefixed(text, text.slice('fixed:'.length)) };
  }
  throw new FerryError('corrupt', `"${text}" is not a content address`);
}

function parsePrefixed(text: string, hash: string): Hash {
  if (!hash.includes(':')) throw new FerryError('corrupt', `"${text}" is not a content address`);
  return parseHash(hash);
}

export function formatContentAddress(ca: ContentAddress): string {
  const hash = formatHash(ca.hash, 'nix32');
  switch (ca.method) {
    case 'text':
      return `text:${hash}`;
    case 'flat':
      return `fixed:${hash}`;
    case 'nar':
      return `fixed:r:${hash}`;
  }
}
