/**
 * A valid path and what is known of it, in the order of fields that AddToStoreNar has in both protocols, and all of the
 * worker protocol besides.
 */
import type { PathInfo } from '../format/path-info.ts';
import { protocolVersion, type Codec } from './codec.ts';
import { bool, map, since, struct, u64 } from './combinators.ts';
import {
  bareNarHash,
  optionalContentAddress,
  optionalStorePath,
  signatures,
  storePath,
  storePathSet,
} from './store-codecs.ts';

export type UnkeyedPathInfo = Omit<PathInfo, 'path'>;

/** Before version 1.16 of the worker protocol nothing was signed; no version of the serve protocol is that low. */
const v1x16 = protocolVersion(1, 16);

/** 0 is nothing known: sent with it, the receiver takes its own clock. */
const registrationTime: Codec<number | undefined> = map<number, number | undefined>(
  u64,
  (seconds) => (seconds === 0 ? undefined : seconds),
  (seconds) => seconds ?? 0,
);

const ultimate: Codec<boolean | undefined> = map<boolean, boolean | undefined>(
  bool,
  (isUltimate) => isUltimate,
  (isUltimate) => isUltimate ?? false,
);

// In the order of the wire.
const fields = {
  deriver: optionalStorePath,
  narHash: bareNarHash,
  references: storePathSet,
  registrationTime,
  narSize: u64,
  ultimate: since<boolean | undefined>(v1x16, ultimate, undefined),
  signatures: since(v1x16, signatures, []),
  ca: since(v1x16, optionalContentAddress, undefined),
} as const;

/** All but the path itself. */
export const unkeyedPathInfo: Codec<UnkeyedPathInfo> = struct<UnkeyedPathInfo>(fields);

export const validPathInfo: Codec<PathInfo> = struct<PathInfo>({ path: storePath, ...fields });
