/** Operations that add: paths with their infos, contents that get their names here, logs, signatures. */
import type { PathInfo } from '../../format/path-info.ts';
import type { StorePath } from '../../format/store-path.ts';
import type { Codec, WireContext } from '../codec.ts';
import { bool, bytes, constant, nothing, string, struct, u64 } from '../combinators.ts';
import { signatures, storePath, storePathSet } from '../store-codecs.ts';
import { validPathInfo } from '../valid-path-info.ts';
import { singleDerivedPath, type SingleDerivedPath } from './derived-path.ts';
import { oldest, type WorkerOperation } from './operation.ts';
import { storePathBaseName } from './realisation.ts';
import { v } from './version.ts';

export interface AddToStoreRequest {
  readonly name: string;
  /** `text:sha256`, `fixed:<algorithm>`, `fixed:r:<algorithm>`, `fixed:git:<algorithm>`. */
  readonly method: string;
  readonly references: readonly StorePath[];
  readonly repair: boolean;
}

const name: Codec<string> = string(4096);

/** A NAR follows where the method packs (`r:`, `git:`), else the bytes of the file. */
export const addToStore: WorkerOperation<AddToStoreRequest, PathInfo> = {
  number: 7,
  name: 'AddToStore',
  since: v(25),
  request: struct<AddToStoreRequest>({
    name,
    method: name,
    references: storePathSet,
    repair: bool,
  }),
  requestStream: 'framed',
  response: validPathInfo,
};

export interface OldAddToStoreRequest {
  readonly name: string;
  /** False means SHA-256 of the NAR, whatever the fields after it say. */
  readonly isFixed: boolean;
  readonly isRecursive: boolean;
  readonly algorithm: string;
}

/** A NAR follows in any case. */
export const oldAddToStore: WorkerOperation<OldAddToStoreRequest, StorePath> = {
  number: 7,
  name: 'AddToStore',
  since: oldest,
  until: v(24),
  request: struct<OldAddToStoreRequest>({
    name,
    isFixed: bool,
    isRecursive: bool,
    algorithm: name,
  }),
  requestStream: 'plain',
  response: storePath,
};

export interface AddTextRequest {
  readonly name: string;
  readonly text: Uint8Array;
  readonly references: readonly StorePath[];
}

export const addTextToStore: WorkerOperation<AddTextRequest, StorePath> = {
  number: 8,
  name: 'AddTextToStore',
  since: oldest,
  request: struct<AddTextRequest>({
    name,
    text: bytes(256 * 1024 * 1024),
    references: storePathSet,
  }),
  response: storePath,
};

/** An export stream follows. Gone from Nix 2.32 on. */
export const importPaths: WorkerOperation<undefined, readonly StorePath[]> = {
  number: 27,
  name: 'ImportPaths',
  since: oldest,
  request: nothing,
  requestStream: 'pulled',
  response: storePathSet,
};

export interface AddSignaturesRequest {
  readonly path: StorePath;
  readonly signatures: readonly string[];
}

export const addSignatures: WorkerOperation<AddSignaturesRequest, undefined> = {
  number: 37,
  name: 'AddSignatures',
  since: v(16),
  request: struct<AddSignaturesRequest>({ path: storePath, signatures }),
  response: constant(1),
};

export interface AddToStoreNarRequest {
  readonly info: PathInfo;
  /** Adds it although it is valid. For clients that are trusted. */
  readonly repair: boolean;
  /** Ignored where the client isn't trusted. */
  readonly dontCheckSigs: boolean;
}

const addToStoreNarRequest: Codec<AddToStoreNarRequest> = struct<AddToStoreNarRequest>({
  info: validPathInfo,
  repair: bool,
  dontCheckSigs: bool,
});

/** The NAR follows. A path that is valid is no error. */
export const addToStoreNar: WorkerOperation<AddToStoreNarRequest, undefined> = {
  number: 39,
  name: 'AddToStoreNar',
  since: v(23),
  request: addToStoreNarRequest,
  requestStream: 'framed',
  response: nothing,
};

export const pulledAddToStoreNar: WorkerOperation<AddToStoreNarRequest, undefined> = {
  ...addToStoreNar,
  since: v(21),
  until: v(22),
  requestStream: 'pulled',
};

export const plainAddToStoreNar: WorkerOperation<AddToStoreNarRequest, undefined> = {
  ...addToStoreNar,
  since: v(17),
  until: v(20),
  requestStream: 'plain',
};

export interface AddMultipleRequest {
  readonly repair: boolean;
  readonly dontCheckSigs: boolean;
}

/**
 * Many paths in one upload: how many there are, then of each its info and its NAR, references first. Nix 2.8 reads
 * past none that is valid already, and loses step: don't send any. What was added before an error stays.
 */
export const addMultipleToStore: WorkerOperation<AddMultipleRequest, undefined> = {
  number: 44,
  name: 'AddMultipleToStore',
  since: v(32),
  request: struct<AddMultipleRequest>({ repair: bool, dontCheckSigs: bool }),
  requestStream: 'framed',
  response: nothing,
};

/** Within the upload of AddMultipleToStore: how many paths there are. */
export const addMultipleCount: Codec<number> = u64;

/** Within the upload of AddMultipleToStore: in front of each NAR. It has the form of version 1.16, whatever is spoken. */
export const addMultipleInfo: Codec<PathInfo> = {
  read: (reader, context) => validPathInfo.read(reader, at1x16(context)),
  write: (writer, info, context) => validPathInfo.write(writer, info, at1x16(context)),
};

function at1x16({ storeDir }: WireContext): WireContext {
  return { version: v(16), features: new Set(), storeDir };
}

/** The text of the log follows. The derivation needn't be valid. Nix 2.6; older ones of the same version refuse it. */
export const addBuildLog: WorkerOperation<StorePath, undefined> = {
  number: 45,
  name: 'AddBuildLog',
  since: v(32),
  request: storePathBaseName,
  requestStream: 'framed',
  response: constant(1),
  needsTrust: true,
};

export interface SubmitOutputRequest {
  readonly path: SingleDerivedPath;
  readonly output: string;
}

/** For programs inside of builds. */
export const submitOutput: WorkerOperation<SubmitOutputRequest, undefined> = {
  number: 1000,
  name: 'SubmitOutput',
  since: v(38),
  feature: 'submit-output',
  request: struct<SubmitOutputRequest>({ path: singleDerivedPath, output: name }),
  response: constant(1),
};

export interface AddScanningRequest {
  readonly name: string;
  /** As in AddToStore. */
  readonly method: string;
}

/** For programs inside of builds: contents follow as in AddToStore, their references are looked for. */
export const addToStoreScanning: WorkerOperation<AddScanningRequest, PathInfo> = {
  number: 1001,
  name: 'AddToStoreScanning',
  since: v(38),
  feature: 'add-to-store-scanning',
  request: struct<AddScanningRequest>({ name, method: name }),
  requestStream: 'framed',
  response: validPathInfo,
};
