/** Operations that build or substitute, ask what that would take, and keep what builds turned out to give. */
import type { StorePath } from '../../format/store-path.ts';
import { basicDerivation } from '../basic-derivation.ts';
import type { BuildResult } from '../build-result.ts';
import type { Codec } from '../codec.ts';
import { constant, nothing, since, struct } from '../combinators.ts';
import { storePath, storePathSet } from '../store-codecs.ts';
import {
  buildMode,
  keyedBuildResults,
  workerBuildResult,
  type BuildDerivationRequest,
  type BuildPathsRequest,
  type KeyedBuildResult,
} from './build.ts';
import { derivedPaths, type DerivedPath } from './derived-path.ts';
import { oldest, type WorkerOperation } from './operation.ts';
import {
  bareRealisation,
  derivationOutput,
  hashedDerivationOutput,
  jsonRealisation,
  jsonRealisations,
  optionalRealisation,
  realisation,
  type BareRealisation,
  type DerivationOutput,
  type HashedDerivationOutput,
  type HashedRealisation,
  type Realisation,
  type UnkeyedRealisation,
} from './realisation.ts';
import {
  missingAnswer,
  optionalSubstitutableInfo,
  pathsToSubstitute,
  substitutablePaths,
  type MissingAnswer,
  type PathToSubstitute,
  type SubstitutableInfo,
  type SubstitutablePath,
} from './substitutes.ts';
import { realisationWithPath, v } from './version.ts';

type Paths = readonly StorePath[];

const buildPathsRequest: Codec<BuildPathsRequest> = struct<BuildPathsRequest>({
  targets: derivedPaths,
  mode: since(v(15), buildMode, 'normal'),
});

/** A failure is an error. */
export const buildPaths: WorkerOperation<BuildPathsRequest, undefined> = {
  number: 9,
  name: 'BuildPaths',
  since: oldest,
  request: buildPathsRequest,
  response: constant(1),
};

/** Substitutes a path that isn't valid. */
export const ensurePath: WorkerOperation<StorePath, undefined> = {
  number: 10,
  name: 'EnsurePath',
  since: oldest,
  request: storePath,
  response: constant(1),
};

export const querySubstitutablePathInfo: WorkerOperation<StorePath, SubstitutableInfo | undefined> =
  {
    number: 21,
    name: 'QuerySubstitutablePathInfo',
    since: oldest,
    request: storePath,
    response: optionalSubstitutableInfo,
  };

export const querySubstitutablePathInfos: WorkerOperation<
  readonly PathToSubstitute[],
  readonly SubstitutablePath[]
> = {
  number: 30,
  name: 'QuerySubstitutablePathInfos',
  since: v(12),
  request: pathsToSubstitute,
  response: substitutablePaths,
};

export const querySubstitutablePaths: WorkerOperation<Paths, Paths> = {
  number: 32,
  name: 'QuerySubstitutablePaths',
  since: v(12),
  request: storePathSet,
  response: storePathSet,
};

/** For who isn't trusted only where contents name the outputs. */
export const buildDerivation: WorkerOperation<BuildDerivationRequest, BuildResult> = {
  number: 36,
  name: 'BuildDerivation',
  since: v(14),
  request: struct<BuildDerivationRequest>({
    drv: storePath,
    derivation: basicDerivation,
    mode: buildMode,
  }),
  response: workerBuildResult,
};

export const queryMissing: WorkerOperation<readonly DerivedPath[], MissingAnswer> = {
  number: 40,
  name: 'QueryMissing',
  since: v(19),
  request: derivedPaths,
  response: missingAnswer,
};

/** From Nix 2.35 on refused without the feature, as QueryRealisation is. */
export const registerDrvOutput: WorkerOperation<Realisation, undefined> = {
  number: 42,
  name: 'RegisterDrvOutput',
  since: v(27),
  feature: realisationWithPath,
  request: realisation,
  response: nothing,
};

export const registerHashedDrvOutput: WorkerOperation<HashedRealisation, undefined> = {
  number: 42,
  name: 'RegisterDrvOutput',
  since: v(31),
  unlessFeature: realisationWithPath,
  request: jsonRealisation,
  response: nothing,
};

export const registerBareDrvOutput: WorkerOperation<BareRealisation, undefined> = {
  number: 42,
  name: 'RegisterDrvOutput',
  since: v(27),
  until: v(30),
  unlessFeature: realisationWithPath,
  request: bareRealisation,
  response: nothing,
};

export const queryRealisation: WorkerOperation<DerivationOutput, UnkeyedRealisation | undefined> = {
  number: 43,
  name: 'QueryRealisation',
  since: v(27),
  feature: realisationWithPath,
  request: derivationOutput,
  response: optionalRealisation,
};

/** None or one. */
export const queryHashedRealisation: WorkerOperation<
  HashedDerivationOutput,
  readonly HashedRealisation[]
> = {
  number: 43,
  name: 'QueryRealisation',
  since: v(31),
  unlessFeature: realisationWithPath,
  request: hashedDerivationOutput,
  response: jsonRealisations,
};

/** None or one. */
export const queryBareRealisation: WorkerOperation<HashedDerivationOutput, Paths> = {
  number: 43,
  name: 'QueryRealisation',
  since: v(27),
  until: v(30),
  unlessFeature: realisationWithPath,
  request: hashedDerivationOutput,
  response: storePathSet,
};

/** A failure is in the results. */
export const buildPathsWithResults: WorkerOperation<
  BuildPathsRequest,
  readonly KeyedBuildResult[]
> = {
  number: 46,
  name: 'BuildPathsWithResults',
  since: v(34),
  request: buildPathsRequest,
  response: keyedBuildResults,
};
