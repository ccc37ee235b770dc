/**
 * The serve protocol, spoken by `nix-store --serve` over ssh: its handshake and its operations, declared once for the
 * asking and the answering side. Requests are answered in order; there is no error message in it: a server that fails
 * says why on its stderr and exits. (Nix source, `serve-protocol.hh`; versions 2.2 to 2.8.)
 */
import type { StorePath } from '../../format/store-path.ts';
import { basicDerivation, type BasicDerivation } from '../basic-derivation.ts';
import type { BuildResult } from '../build-result.ts';
import { protocolVersion, type Codec } from '../codec.ts';
import { bool, constant, ignored, list, nothing, string, struct } from '../combinators.ts';
import { storePath, storePathSet } from '../store-codecs.ts';
import {
  buildPathsAnswer,
  serveBuildOptions,
  serveBuildResult,
  type BuildPathsFailure,
  type ServeBuildOptions,
} from './build.ts';
import { validPathInfo } from '../valid-path-info.ts';
import { servedPathInfos, type ServedPathInfo } from './path-info.ts';
import type { PathInfo } from '../../format/path-info.ts';

export const clientMagic = 0x390c9deb;
export const serverMagic = 0x5452eecb;

/** What we announce; both sides then speak the lower of the two. */
export const serveVersion: number = protocolVersion(2, 8);
/** The oldest that is spoken: Nix 1.11. */
export const serveVersionMin: number = protocolVersion(2, 2);
/** From here on NARs are sent one by one with their infos (AddToStoreNar); before it as an export stream. */
export const serveVersionAddToStoreNar: number = protocolVersion(2, 5);

/** One row of the table of operations, without its types. */
export interface ServeOperationRow {
  readonly number: number;
  /** As messages and the Nix source call it. */
  readonly name: string;
  readonly since: number;
  /** Whether a server started without `--write` refuses it. */
  readonly needsWrite: boolean;
  /** What is streamed after the request. */
  readonly requestStream?: 'nar' | 'export';
  /** What is streamed as the answer. */
  readonly responseStream?: 'nar' | 'export';
}

export interface ServeOperation<Request, Response> extends ServeOperationRow {
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

export interface QueryValidPathsRequest {
  /** Protects them from garbage collection while the server lives. */
  readonly lock: boolean;
  readonly substitute: boolean;
  readonly paths: readonly StorePath[];
}

export interface QueryClosureRequest {
  readonly includeOutputs: boolean;
  readonly paths: readonly StorePath[];
}

export interface ExportPathsRequest {
  readonly sign?: undefined;
  readonly paths: readonly StorePath[];
}

export interface BuildPathsRequest {
  /** `<drv>`, `<drv>!out1,out2`, or a path to be substituted; paths in full. */
  readonly targets: readonly string[];
  readonly options: ServeBuildOptions;
}

export interface BuildDerivationRequest {
  readonly path: StorePath;
  readonly derivation: BasicDerivation;
  readonly options: ServeBuildOptions;
}

const v1 = protocolVersion(2, 1);
const v2 = serveVersionMin;

export const queryValidPaths: ServeOperation<QueryValidPathsRequest, readonly StorePath[]> = {
  number: 1,
  name: 'QueryValidPaths',
  since: v2,
  needsWrite: false,
  request: struct({ lock: bool, substitute: bool, paths: storePathSet }),
  response: storePathSet,
};

export const queryPathInfos: ServeOperation<readonly StorePath[], readonly ServedPathInfo[]> = {
  number: 2,
  name: 'QueryPathInfos',
  since: v2,
  needsWrite: false,
  request: storePathSet,
  response: servedPathInfos,
};

export const dumpStorePath: ServeOperation<StorePath, undefined> = {
  number: 3,
  name: 'DumpStorePath',
  since: v2,
  needsWrite: false,
  request: storePath,
  response: nothing,
  responseStream: 'nar',
};

export const importPaths: ServeOperation<undefined, undefined> = {
  number: 4,
  name: 'ImportPaths',
  since: v2,
  needsWrite: true,
  request: nothing,
  requestStream: 'export',
  response: constant(1),
};

/** Gone from Nix 2.32 on. */
export const exportPaths: ServeOperation<ExportPathsRequest, undefined> = {
  number: 5,
  name: 'ExportPaths',
  since: v2,
  needsWrite: false,
  request: struct<ExportPathsRequest>({ sign: ignored(0), paths: storePathSet }),
  response: nothing,
  responseStream: 'export',
};

export const buildPaths: ServeOperation<BuildPathsRequest, BuildPathsFailure | undefined> = {
  number: 6,
  name: 'BuildPaths',
  since: v2,
  needsWrite: true,
  request: struct({
    targets: list(string(64 * 1024), 1_000_000),
    options: serveBuildOptions,
  }),
  response: buildPathsAnswer,
};

export const queryClosure: ServeOperation<QueryClosureRequest, readonly StorePath[]> = {
  number: 7,
  name: 'QueryClosure',
  since: v2,
  needsWrite: false,
  request: struct({ includeOutputs: bool, paths: storePathSet }),
  response: storePathSet,
};

export const buildDerivation: ServeOperation<BuildDerivationRequest, BuildResult> = {
  number: 8,
  name: 'BuildDerivation',
  since: v1,
  needsWrite: true,
  request: struct({
    path: storePath,
    derivation: basicDerivation,
    options: serveBuildOptions,
  }),
  response: serveBuildResult,
};

export const addToStoreNar: ServeOperation<PathInfo, undefined> = {
  number: 9,
  name: 'AddToStoreNar',
  since: serveVersionAddToStoreNar,
  needsWrite: true,
  request: validPathInfo,
  requestStream: 'nar',
  response: constant(1),
};

const OPERATIONS: readonly ServeOperationRow[] = [
  queryValidPaths,
  queryPathInfos,
  dumpStorePath,
  importPaths,
  exportPaths,
  buildPaths,
  queryClosure,
  buildDerivation,
  addToStoreNar,
];

/** All of them, by number. */
export const serveOperations: ReadonlyMap<number, ServeOperationRow> = new Map(
  OPERATIONS.map((operation) => [operation.number, operation]),
);
