/** What the worker protocol says around builds: how to build, and the outcomes. */
import {
  buildStatusNumber,
  builtOutputs,
  builtOutputsAsJson,
  parseBuildStatus,
  type BuildResult,
  type BuiltOutput,
} from '../build-result.ts';
import type { BasicDerivation } from '../basic-derivation.ts';
import type { Codec, WireContext } from '../codec.ts';
import {
  bool,
  list,
  map,
  message,
  numbered,
  optional,
  since,
  struct,
  u64,
} from '../combinators.ts';
import type { StorePath } from '../../format/store-path.ts';
import { derivedPath, type DerivedPath } from './derived-path.ts';
import { realisationWithPath, v } from './version.ts';

/** `check` builds once more and compares; `repair` is for clients that are trusted. */
export type BuildMode = 'normal' | 'repair' | 'check';

export const buildMode: Codec<BuildMode> = numbered('a build mode', ['normal', 'repair', 'check']);

export interface BuildPathsRequest {
  readonly targets: readonly DerivedPath[];
  readonly mode: BuildMode;
}

export interface BuildDerivationRequest {
  readonly drv: StorePath;
  readonly derivation: BasicDerivation;
  readonly mode: BuildMode;
}

/** The outcome for one of the targets. */
export interface KeyedBuildResult {
  readonly target: DerivedPath;
  readonly result: BuildResult;
}

const messageMax = 4 * 1024 * 1024;

/** With the feature a list of its own, from version 1.28 on JSON texts, before it nothing. */
const outputs: Codec<readonly BuiltOutput[] | undefined> = {
  read: (reader, context) => outputsForm(context)?.read(reader, context),
  write: (writer, built, context) => outputsForm(context)?.write(writer, built ?? [], context),
};

function outputsForm({
  version,
  features,
}: WireContext): Codec<readonly BuiltOutput[]> | undefined {
  if (features.has(realisationWithPath)) return builtOutputs;
  return version >= v(28) ? builtOutputsAsJson : undefined;
}

/** Unknown is written as `value`. */
function orElse<T>(codec: Codec<T>, value: T): Codec<T | undefined> {
  return {
    read: codec.read,
    write: (writer, known, context) => codec.write(writer, known ?? value, context),
  };
}

const microseconds = since<number | undefined>(v(37), optional(u64), undefined);

// In the order of the wire.
export const workerBuildResult: Codec<BuildResult> = struct<BuildResult>({
  status: map(u64, parseBuildStatus, buildStatusNumber),
  errorMessage: message(messageMax),
  timesBuilt: since<number | undefined>(v(29), orElse(u64, 0), undefined),
  isNonDeterministic: since<boolean | undefined>(v(29), orElse(bool, false), undefined),
  startTime: since<number | undefined>(v(29), orElse(u64, 0), undefined),
  stopTime: since<number | undefined>(v(29), orElse(u64, 0), undefined),
  cpuUserMicroseconds: microseconds,
  cpuSystemMicroseconds: microseconds,
  builtOutputs: outputs,
});

export const keyedBuildResults: Codec<readonly KeyedBuildResult[]> = list(
  struct<KeyedBuildResult>({ target: derivedPath, result: workerBuildResult }),
  1_000_000,
);
