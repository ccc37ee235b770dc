/** Operations that ask and change nothing, but for what QueryValidPaths substitutes when it is told to. */
import type { StorePath } from '../../format/store-path.ts';
import type { Codec } from '../codec.ts';
import { bool, constant, list, nothing, optional, since, string, struct } from '../combinators.ts';
import { bareNarHash, optionalStorePath, storePath, storePathSet } from '../store-codecs.ts';
import { unkeyedPathInfo, type UnkeyedPathInfo } from '../valid-path-info.ts';
import type { Hash } from '../../format/hash.ts';
import { oldest, type WorkerOperation } from './operation.ts';
import { v } from './version.ts';

type Paths = readonly StorePath[];

const names: Codec<readonly string[]> = list(string(4096), 100_000);

export const isValidPath: WorkerOperation<StorePath, boolean> = {
  number: 1,
  name: 'IsValidPath',
  since: oldest,
  request: storePath,
  response: bool,
};

/** Gone from Nix 2.32 on, with the two after it. */
export const hasSubstitutes: WorkerOperation<StorePath, boolean> = {
  number: 3,
  name: 'HasSubstitutes',
  since: oldest,
  request: storePath,
  response: bool,
};

export const queryPathHash: WorkerOperation<StorePath, Hash> = {
  number: 4,
  name: 'QueryPathHash',
  since: oldest,
  request: storePath,
  response: bareNarHash,
};

export const queryReferences: WorkerOperation<StorePath, Paths> = {
  number: 5,
  name: 'QueryReferences',
  since: oldest,
  request: storePath,
  response: storePathSet,
};

export const queryReferrers: WorkerOperation<StorePath, Paths> = {
  number: 6,
  name: 'QueryReferrers',
  since: oldest,
  request: storePath,
  response: storePathSet,
};

/** Of a path that is not valid an error. QueryPathInfo tells the same. */
export const queryDeriver: WorkerOperation<StorePath, StorePath | undefined> = {
  number: 18,
  name: 'QueryDeriver',
  since: oldest,
  request: storePath,
  response: optionalStorePath,
};

/** For derivations whose outputs are known before they are built; before version 1.22. */
export const queryDerivationOutputs: WorkerOperation<StorePath, Paths> = {
  number: 22,
  name: 'QueryDerivationOutputs',
  since: oldest,
  request: storePath,
  response: storePathSet,
};

export const queryAllValidPaths: WorkerOperation<undefined, Paths> = {
  number: 23,
  name: 'QueryAllValidPaths',
  since: oldest,
  request: nothing,
  response: storePathSet,
};

export const queryPathInfo: WorkerOperation<StorePath, UnkeyedPathInfo | undefined> = {
  number: 26,
  name: 'QueryPathInfo',
  since: v(17),
  request: storePath,
  response: optional(unkeyedPathInfo),
};

/** Of a path that is not valid an error. */
export const queryPathInfoOrFail: WorkerOperation<StorePath, UnkeyedPathInfo> = {
  number: 26,
  name: 'QueryPathInfo',
  since: oldest,
  until: v(16),
  request: storePath,
  response: unkeyedPathInfo,
};

export const queryDerivationOutputNames: WorkerOperation<StorePath, readonly string[]> = {
  number: 28,
  name: 'QueryDerivationOutputNames',
  since: oldest,
  request: storePath,
  response: names,
};

/** Of anything but the 32 characters of a hash part an error. */
export const queryPathFromHashPart: WorkerOperation<string, StorePath | undefined> = {
  number: 29,
  name: 'QueryPathFromHashPart',
  since: v(11),
  request: string(4096),
  response: optionalStorePath,
};

export interface QueryValidPathsRequest {
  readonly paths: Paths;
  /** Before version 1.27 it never does. */
  readonly substitute: boolean;
}

export const queryValidPaths: WorkerOperation<QueryValidPathsRequest, Paths> = {
  number: 31,
  name: 'QueryValidPaths',
  since: v(12),
  request: struct<QueryValidPathsRequest>({
    paths: storePathSet,
    substitute: since(v(27), bool, false),
  }),
  response: storePathSet,
};

export const queryValidDerivers: WorkerOperation<StorePath, Paths> = {
  number: 33,
  name: 'QueryValidDerivers',
  since: v(13),
  request: storePath,
  response: storePathSet,
};

export interface OutputPath {
  readonly name: string;
  /** Unknown until it is built, where its contents name it. */
  readonly path?: StorePath | undefined;
}

export const queryDerivationOutputMap: WorkerOperation<StorePath, readonly OutputPath[]> = {
  number: 41,
  name: 'QueryDerivationOutputMap',
  since: v(22),
  request: storePath,
  response: list(struct<OutputPath>({ name: string(4096), path: optionalStorePath }), 100_000),
};

/** To be asked for valid paths only: of another, and of one that vanishes, an error comes where the NAR should be. */
export const narFromPath: WorkerOperation<StorePath, undefined> = {
  number: 38,
  name: 'NarFromPath',
  since: v(17),
  request: storePath,
  response: nothing,
  responseStream: 'nar',
};

interface ExportPathRequest {
  readonly path: StorePath;
  /** Once, whether to sign. */
  readonly sign: boolean;
}

/** One record of an export stream without the 1 in front. Gone from Nix 2.32 on. */
export const exportPath: WorkerOperation<ExportPathRequest, undefined> = {
  number: 16,
  name: 'ExportPath',
  since: oldest,
  request: struct<ExportPathRequest>({ path: storePath, sign: bool }),
  response: constant(1),
  responseStream: 'messages',
};
