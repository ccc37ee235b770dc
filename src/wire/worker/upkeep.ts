/** Operations on the store as a whole: roots, garbage, checks, settings. */
import type { StorePath } from '../../format/store-path.ts';
import { bool, constant, nothing, string, struct } from '../combinators.ts';
import { storePath } from '../store-codecs.ts';
import {
  garbageAnswer,
  garbageRequest,
  garbageRoots,
  type GarbageAnswer,
  type GarbageRequest,
  type GarbageRoot,
} from './garbage.ts';
import { oldest, type WorkerOperation } from './operation.ts';
import { workerOptions, type WorkerOptions } from './options.ts';
import { v } from './version.ts';

/** Files and directories of the far end's system. */
const fileName = string(64 * 1024);

/** Keeps it, valid or not, from being collected for as long as the connection stands. */
export const addTempRoot: WorkerOperation<StorePath, undefined> = {
  number: 11,
  name: 'AddTempRoot',
  since: oldest,
  request: storePath,
  response: constant(1),
};

/** Makes the server remember a symbolic link that the client has made to a path. */
export const addIndirectRoot: WorkerOperation<string, undefined> = {
  number: 12,
  name: 'AddIndirectRoot',
  since: oldest,
  request: fileName,
  response: constant(1),
};

/** Does nothing any more: good for hearing whether the server is there. */
export const syncWithGc: WorkerOperation<undefined, undefined> = {
  number: 13,
  name: 'SyncWithGC',
  since: oldest,
  request: nothing,
  response: constant(1),
};

export const findRoots: WorkerOperation<undefined, readonly GarbageRoot[]> = {
  number: 14,
  name: 'FindRoots',
  since: oldest,
  request: nothing,
  response: garbageRoots,
};

export const setOptions: WorkerOperation<WorkerOptions, undefined> = {
  number: 19,
  name: 'SetOptions',
  since: oldest,
  request: workerOptions,
  response: nothing,
};

export const collectGarbage: WorkerOperation<GarbageRequest, GarbageAnswer> = {
  number: 20,
  name: 'CollectGarbage',
  since: oldest,
  request: garbageRequest,
  response: garbageAnswer,
};

/** Lets equal files share their contents. */
export const optimiseStore: WorkerOperation<undefined, undefined> = {
  number: 34,
  name: 'OptimiseStore',
  since: v(14),
  request: nothing,
  response: constant(1),
};

export interface VerifyStoreRequest {
  readonly checkContents: boolean;
  /** For clients that are trusted. */
  readonly repair: boolean;
}

/** Whether errors are left; what they are comes as messages. */
export const verifyStore: WorkerOperation<VerifyStoreRequest, boolean> = {
  number: 35,
  name: 'VerifyStore',
  since: v(14),
  request: struct<VerifyStoreRequest>({ checkContents: bool, repair: bool }),
  response: bool,
};

export interface AddPermRootRequest {
  readonly path: StorePath;
  /** Where on the far end's file system the link is made: absolute. */
  readonly link: string;
}

/** Nix 2.20; older ones of the same version refuse it. */
export const addPermRoot: WorkerOperation<AddPermRootRequest, string> = {
  number: 47,
  name: 'AddPermRoot',
  since: v(37),
  request: struct<AddPermRootRequest>({ path: storePath, link: fileName }),
  response: fileName,
  needsTrust: true,
};
