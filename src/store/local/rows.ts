/** Rows of Nix's database and infos of paths, each way. */
import { FerryError } from '../../error.ts';
import { formatContentAddress, parseContentAddress } from '../../format/content-address.ts';
import { formatHash, type Hash } from '../../format/hash.ts';
import type { PathInfo } from '../../format/path-info.ts';
import { isSignature } from '../../format/signature.ts';
import {
  parseStorePath,
  printStorePath,
  type StoreDir,
  type StorePath,
} from '../../format/store-path.ts';
import type { SqlValue } from '../../system/sqlite.ts';

const HASH = /^sha256:[0-9a-fA-F]{64}$/;
/** What `isSignature` accepts, as an expression: this is asked for every path of a closure. */
const SIGNATURE = /^[^:\s\p{Cc}]+:[0-9A-Za-z+/]{85}[AQgw]==$/u;

/** Columns of ValidPaths in the order in which every query here selects them. */
export const infoColumns = 'id, path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca';

export type InfoRow = [
  id: number,
  path: string,
  hash: string,
  registrationTime: number,
  deriver: string | null,
  narSize: number | null,
  ultimate: number | null,
  sigs: string | null,
  ca: string | null,
];

/**
 * Old and foreign databases have rows that today's Nix would not write. A hash that can't be read is an error, since
 * nothing can be done with the path; a deriver, signature or content address that can't be is as if it weren't there.
 * @throws FerryError `corrupt`
 */
export function infoOfRow(
  storeDir: StoreDir,
  path: StorePath,
  row: readonly [...InfoRow, ...unknown[]],
  references: readonly StorePath[],
): PathInfo {
  const [, , hash, registrationTime, deriver, narSize, ultimate, sigs, ca] = row;
  return {
    path,
    narHash: hashOf(storeDir, path, hash),
    narSize: narSize ?? 0,
    references,
    deriver: orAbsent(deriver, (text) => parseStorePath(storeDir, text)),
    registrationTime,
    ultimate: ultimate === 1,
    signatures: signaturesOfText(sigs),
    ca: orAbsent(ca, parseContentAddress),
  };
}

/** The values of the columns after `id`, where a row is inserted. */
export function rowOfInfo(storeDir: StoreDir, info: PathInfo, now: number): SqlValue[] {
  const [hash = null, ...others] = contentsOfInfo(info);
  return [
    printStorePath(storeDir, info.path),
    hash,
    info.registrationTime || now,
    info.deriver === undefined ? null : printStorePath(storeDir, info.deriver),
    ...others,
  ];
}

/** The values of hash, narSize, ultimate, sigs and ca: what is replaced where a valid path is registered anew. */
export function contentsOfInfo(info: PathInfo): SqlValue[] {
  return [
    formatHash(info.narHash, 'base16'),
    info.narSize === 0 ? null : info.narSize,
    info.ultimate === true ? 1 : null,
    textOfSignatures(info.signatures),
    info.ca === undefined ? null : formatContentAddress(info.ca),
  ];
}

export function signaturesOfText(text: string | null): string[] {
  if (text === null || text === '') return [];
  const signatures = text.split(' ').filter((word) => SIGNATURE.test(word));
  return signatures.length > 1 ? signatures.sort() : signatures;
}

/** Newer releases of Nix fail to read a path at all once one of its signatures is malformed: such are left out. */
export function textOfSignatures(signatures: Iterable<string>): string | null {
  const text = [...new Set(signatures)].filter(isSignature).sort().join(' ');
  return text === '' ? null : text;
}

function hashOf(storeDir: StoreDir, path: StorePath, text: string): Hash {
  if (HASH.test(text)) {
    return { algorithm: 'sha256', digest: Uint8Array.fromHex(text.slice('sha256:'.length)) };
  }
  const printed = printStorePath(storeDir, path);
  throw new FerryError('corrupt', `the database has "${text}" for the hash of "${printed}"`, {
    path: printed,
  });
}

function orAbsent<T>(text: string | null, parse: (text: string) => T): T | undefined {
  if (text === null || text === '') return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}
