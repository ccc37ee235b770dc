/** What substituters of the server have: what a path would cost to fetch, and what a request would have to build. */
import type { ContentAddress } from '../../format/content-address.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { Codec } from '../codec.ts';
import { list, optional, since, struct, u64 } from '../combinators.ts';
import {
  optionalContentAddress,
  optionalStorePath,
  pathsMax,
  storePath,
  storePathSet,
} from '../store-codecs.ts';
import { v } from './version.ts';

export interface SubstitutableInfo {
  readonly deriver?: StorePath | undefined;
  readonly references: readonly StorePath[];
  /** Bytes, 0 where it isn't known; likewise `narSize`. */
  readonly downloadSize: number;
  readonly narSize: number;
}

export interface SubstitutablePath extends SubstitutableInfo {
  readonly path: StorePath;
}

// In the order of the wire.
const fields = {
  deriver: optionalStorePath,
  references: storePathSet,
  downloadSize: u64,
  narSize: u64,
} as const;

export const optionalSubstitutableInfo: Codec<SubstitutableInfo | undefined> = optional(
  struct<SubstitutableInfo>(fields),
);

export const substitutablePaths: Codec<readonly SubstitutablePath[]> = list(
  struct<SubstitutablePath>({ path: storePath, ...fields }),
  pathsMax,
);

/** A path, which has another name in stores elsewhere where its contents give it that. */
export interface PathToSubstitute {
  readonly path: StorePath;
  readonly ca?: ContentAddress | undefined;
}

/** Before version 1.22 nothing but the paths. */
export const pathsToSubstitute: Codec<readonly PathToSubstitute[]> = list(
  struct<PathToSubstitute>({
    path: storePath,
    ca: since(v(22), optionalContentAddress, undefined),
  }),
  pathsMax,
);

export interface MissingAnswer {
  readonly willBuild: readonly StorePath[];
  readonly willSubstitute: readonly StorePath[];
  /** Neither. */
  readonly unknown: readonly StorePath[];
  /** Bytes of what will be substituted; likewise `narSize`. */
  readonly downloadSize: number;
  readonly narSize: number;
}

export const missingAnswer: Codec<MissingAnswer> = struct<MissingAnswer>({
  willBuild: storePathSet,
  willSubstitute: storePathSet,
  unknown: storePathSet,
  downloadSize: u64,
  narSize: u64,
});
