/**
 * Store paths. A `StorePath` is the base name `<hash part>-<name>`; together with a store directory it is the path that
 * people see. Two stores of different store directories so speak of the same object by the same key, and base names
 * sort as full paths do. (Nix manual, "Store Path"; acceptance rules of Nix 2.34.)
 */
import { isNix32 } from '../bytes/nix32.ts';
import { FerryError } from '../error.ts';

declare const storePathBrand: unique symbol;
/** `<32 digits of Nix32>-<name>`. */
export type StorePath = string & { readonly [storePathBrand]: 'StorePath' };

declare const storeDirBrand: unique symbol;
/** An absolute, canonical directory without a slash at the end, `/nix/store` for most. */
export type StoreDir = string & { readonly [storeDirBrand]: 'StoreDir' };

export const defaultStoreDir: StoreDir = '/nix/store' as StoreDir;

/** Characters of the hash part. */
export const hashPartLength = 32;
/** Bytes of the longest name. */
export const nameLengthMax = 211;

const NAME = /^[0-9a-zA-Z+\-._?=]+$/;

/** @throws FerryError `usage` when it isn't absolute. */
export function parseStoreDir(text: string): StoreDir {
  if (!text.startsWith('/')) {
    throw new FerryError('usage', `store directory "${text}" is not an absolute path`);
  }
  return canonicalise(text) as StoreDir;
}

/**
 * The base name of a store path.
 * @throws FerryError `corrupt`, saying which rule it breaks.
 */
export function parseStorePathBaseName(baseName: string): StorePath {
  const problem = storePathProblem(baseName);
  if (problem !== undefined) {
    throw new FerryError('corrupt', `"${baseName}" is not a store path: ${problem}`);
  }
  return baseName as StorePath;
}

/** Whether it is the base name of a store path. */
export function isStorePathBaseName(baseName: string): baseName is StorePath {
  return storePathProblem(baseName) === undefined;
}

function storePathProblem(baseName: string): string | undefined {
  if (baseName.length < hashPartLength + 2) return 'too short';
  if (!isNix32(baseName.slice(0, hashPartLength))) {
    return 'its first 32 characters are not digits of Nix32';
  }
  if (baseName[hashPartLength] !== '-') return 'no "-" after the hash part';
  return storePathNameProblem(baseName.slice(hashPartLength + 1));
}

/** Why this can't be the name of a store path, or undefined where it can. */
export function storePathNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'its name is empty';
  if (name.length > nameLengthMax) return `its name is longer than ${nameLengthMax} characters`;
  if (!NAME.test(name)) return 'its name has a character other than 0-9 a-z A-Z + - . _ ? =';
  if (/^\.\.?(-|$)/.test(name)) return 'its name is "." or "..", or begins with one and a "-"';
  return undefined;
}

/**
 * A store path written in full, as databases and protocols have it.
 * @throws FerryError `corrupt` when it lies elsewhere or its base name is none.
 */
export function parseStorePath(storeDir: StoreDir, text: string): StorePath {
  const prefix = `${storeDir}/`;
  const isPlain = text.startsWith(prefix) && !text.includes('/', prefix.length);
  const path = isPlain ? text : canonicalise(text);
  if (!path.startsWith(prefix) || path.includes('/', prefix.length)) {
    throw new FerryError('corrupt', `path "${text}" is not in the store "${storeDir}"`, {
      path: text,
    });
  }
  return parseStorePathBaseName(path.slice(prefix.length));
}

/** The path in full. */
export function printStorePath(storeDir: StoreDir, path: StorePath): string {
  return `${storeDir}/${path}`;
}

/** The 32 digits by which a binary cache and the file contents know it. */
export function hashPartOf(path: StorePath): string {
  return path.slice(0, hashPartLength);
}

/** What follows the hash part: package and version, for people. */
export function nameOf(path: StorePath): string {
  return path.slice(hashPartLength + 1);
}

export function isDerivation(path: StorePath): boolean {
  return path.endsWith('.drv');
}

/** Byte order of base names, which is the order of Nix's sets. */
export function compareStorePaths(a: StorePath, b: StorePath): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Without doubled slashes, `.` and `..`, textually: no link is followed. */
function canonicalise(text: string): string {
  const parts: string[] = [];
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
