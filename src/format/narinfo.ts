/**
 * `<hash part>.narinfo`: what a binary cache says of a path, lines of `Key: value` (Nix manual, "Binary cache store").
 *
 * The reader takes what Nix 2.34 takes, less the accidents of its parser: there a value begins two characters after the
 * colon wherever that is, so that `References:` without a space swallows the next line. Here that is an error.
 */
import { FerryError, messageOf } from '../error.ts';
import {
  formatContentAddress,
  parseContentAddress,
  type ContentAddress,
} from './content-address.ts';
import { formatHash, parseHash, type Hash } from './hash.ts';
import type { PathInfo } from './path-info.ts';
import { isSignature } from './signature.ts';
import {
  compareStorePaths,
  parseStorePath,
  parseStorePathBaseName,
  printStorePath,
  type StoreDir,
  type StorePath,
} from './store-path.ts';

/** Its MIME type. */
export const narInfoType = 'text/x-nix-narinfo';
/** Bytes of the longest that is read: some 30,000 references. */
export const narInfoBytesMax: number = 2 * 1024 * 1024;
/** The most signatures that are read. */
const SIGNATURES_MAX = 1024;

export interface NarInfo {
  readonly info: PathInfo;
  /** Where the NAR lies: a URL reference relative to the cache. Not signed, a hint. */
  readonly url: string;
  /** As it is written there, whether that is known here or not. Not signed, a hint. */
  readonly compression: string;
  /** Of the file as it lies in the cache. Not signed, a hint. */
  readonly fileHash?: Hash | undefined;
  /** Bytes of the file as it lies in the cache. Not signed, a hint. */
  readonly fileSize?: number | undefined;
}

/** Its key in a cache. */
export function narInfoKey(hashPart: string): string {
  return `${hashPart}.narinfo`;
}

interface Fields {
  path?: StorePath;
  url?: string;
  compression?: string;
  fileHash?: Hash;
  fileSize?: number;
  narHash?: Hash;
  narSize?: number;
  references?: StorePath[];
  deriver?: StorePath | undefined;
  ca?: ContentAddress;
  readonly signatures: Set<string>;
}

/**
 * Of a key that comes twice the last one counts, but for `References` and `CA`, where it is an error, and `Sig`, of which
 * there may be many. A `Sig` that can't be a signature is passed over.
 * @throws FerryError `corrupt`, with the line where there is one; the caller adds which file it is.
 */
export function parseNarInfo(text: string, storeDir: StoreDir): NarInfo {
  if (text.length > narInfoBytesMax) {
    throw new FerryError('corrupt', `it is longer than ${narInfoBytesMax} bytes`);
  }
  const fields: Fields = { signatures: new Set() };
  let line = 1;
  for (let at = 0; at < text.length; line++) {
    const end = text.indexOf('\n', at);
    try {
      if (end < 0) throw new FerryError('corrupt', 'it has no line end');
      readLine(fields, text.slice(at, end), storeDir);
    } catch (error) {
      throw new FerryError('corrupt', `line ${line}: ${messageOf(error)}`, { cause: error });
    }
    at = end + 1;
  }
  return finish(fields);
}

function readLine(fields: Fields, line: string, storeDir: StoreDir): void {
  const separator = line.indexOf(': ');
  if (separator < 0 || line.indexOf(':') < separator) {
    throw new FerryError('corrupt', 'it is not of the form "KEY: VALUE"');
  }
  if (line.endsWith('\r')) throw new FerryError('corrupt', 'it ends with a carriage return');
  const value = line.slice(separator + 2);
  switch (line.slice(0, separator)) {
    case 'StorePath':
      fields.path = parseStorePath(storeDir, value);
      break;
    case 'URL':
      fields.url = value;
      break;
    case 'Compression':
      fields.compression = value;
      break;
    case 'FileHash':
      fields.fileHash = parseHash(value);
      break;
    case 'FileSize':
      fields.fileSize = parseSize(value);
      break;
    case 'NarHash':
      fields.narHash = parseNarHash(value);
      break;
    case 'NarSize':
      fields.narSize = parseSize(value);
      break;
    case 'References':
      if (fields.references !== undefined && fields.references.length > 0) throw isSecond();
      fields.references = parseReferences(value);
      break;
    case 'Deriver':
      fields.deriver = value === 'unknown-deriver' ? undefined : parseStorePathBaseName(value);
      break;
    case 'Sig':
      if (isSignature(value)) fields.signatures.add(value);
      if (fields.signatures.size > SIGNATURES_MAX) {
        throw new FerryError('corrupt', `there are more than ${SIGNATURES_MAX} signatures`);
      }
      break;
    case 'CA':
      if (fields.ca !== undefined) throw isSecond();
      if (value !== '') fields.ca = parseContentAddress(value);
      break;
    default:
    // Later releases may know more of a path.
  }
}

function finish(fields: Fields): NarInfo {
  const { path, url, narHash, narSize, fileHash, fileSize, deriver, ca } = fields;
  if (path === undefined) throw isMissing('StorePath');
  if (url === undefined || url === '') throw isMissing('URL');
  if (narHash === undefined) throw isMissing('NarHash');
  if (narSize === undefined || narSize === 0) throw isMissing('NarSize');
  return {
    info: {
      path,
      narHash,
      narSize,
      references: fields.references ?? [],
      ...(deriver === undefined ? {} : { deriver }),
      signatures: [...fields.signatures].sort(),
      ...(ca === undefined ? {} : { ca }),
    },
    url,
    // The default of the days before there was a choice.
    compression: fields.compression || 'bzip2',
    ...(fileHash === undefined ? {} : { fileHash }),
    ...(fileSize === undefined ? {} : { fileSize }),
  };
}

function parseReferences(value: string): StorePath[] {
  const words = value.split(' ').filter((word) => word !== '');
  return [...new Set(words.map(parseStorePathBaseName))].sort(compareStorePaths);
}

/** Stores know NARs by SHA-256 alone. */
function parseNarHash(value: string): Hash {
  const hash = parseHash(value);
  if (hash.algorithm !== 'sha256') throw new FerryError('corrupt', `"${value}" is not a SHA-256`);
  return hash;
}

function parseSize(value: string): number {
  const size = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw new FerryError('corrupt', `"${value.slice(0, 40)}" is not a number of bytes`);
}

function isSecond(): FerryError {
  return new FerryError('corrupt', 'it comes a second time');
}

function isMissing(key: string): FerryError {
  return new FerryError('corrupt', `it has no ${key}`);
}

/** Byte for byte what Nix writes. */
export function formatNarInfo(
  { info, url, compression, fileHash, fileSize }: NarInfo,
  storeDir: StoreDir,
): string {
  const lines = [
    `StorePath: ${printStorePath(storeDir, info.path)}`,
    `URL: ${url}`,
    `Compression: ${compression}`,
  ];
  if (fileHash !== undefined) lines.push(`FileHash: ${formatHash(fileHash, 'nix32')}`);
  if (fileSize !== undefined) lines.push(`FileSize: ${fileSize}`);
  lines.push(
    `NarHash: ${formatHash(info.narHash, 'nix32')}`,
    `NarSize: ${info.narSize}`,
    // With its space also where nothing follows: see above.
    `References: ${info.references.join(' ')}`,
  );
  if (info.deriver !== undefined) lines.push(`Deriver: ${info.deriver}`);
  for (const signature of info.signatures.toSorted()) lines.push(`Sig: ${signature}`);
  if (info.ca !== undefined) lines.push(`CA: ${formatContentAddress(info.ca)}`);
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * The same narinfo with more signatures, everything else in it as it was: also what isn't understood here.
 * @param text one that `parseNarInfo` takes
 */
export function addToNarInfo(text: string, signatures: Iterable<string>): string {
  const lines = text.split('\n').slice(0, -1);
  const isSig = (line: string): boolean => line.startsWith('Sig: ');
  const all = new Set(lines.filter(isSig));
  for (const signature of signatures) all.add(`Sig: ${signature}`);
  const others = lines.filter((line) => !isSig(line));
  const ca = others.findIndex((line) => line.startsWith('CA: '));
  const at = ca < 0 ? others.length : ca;
  return [...others.slice(0, at), ...[...all].sort(), ...others.slice(at)]
    .map((line) => `${line}\n`)
    .join('');
}
