/** What the serve protocol says around builds: options in the request, the outcome in the answer. */
import { andThen } from '../../bytes/maybe-promise.ts';
import {
  buildStatusNumber,
  builtOutputs,
  builtOutputsAsJson,
  parseBuildStatus,
  type BuildResult,
  type BuildStatus,
  type BuiltOutput,
} from '../build-result.ts';
import { protocolVersion, type Codec } from '../codec.ts';
import { between, bool, map, message, since, struct, u64 } from '../combinators.ts';

export interface ServeBuildOptions {
  /** Seconds without output, 0 for no limit. */
  readonly maxSilentTime: number;
  /** Seconds, 0 for no limit. */
  readonly buildTimeout: number;
  /** Bytes, 0 for no limit. */
  readonly maxLogSize: number;
  /** Once the number of further rounds to compare; servers of today insist on 0. */
  readonly repeatCount: number;
  readonly enforceDeterminism: boolean;
  readonly keepFailed: boolean;
}

const v = (minor: number): number => protocolVersion(2, minor);

export const serveBuildOptions: Codec<ServeBuildOptions> = struct({
  maxSilentTime: u64,
  buildTimeout: u64,
  maxLogSize: since(v(2), u64, 0),
  repeatCount: since(v(3), u64, 0),
  enforceDeterminism: since(v(3), bool, false),
  keepFailed: since(v(7), bool, false),
});

const messageMax = 1024 * 1024;

const status: Codec<BuildStatus> = map(u64, parseBuildStatus, buildStatusNumber);

type Omitted = 'builtOutputs' | 'cpuUserMicroseconds' | 'cpuSystemMicroseconds';

interface ServedBuildResult extends Omit<BuildResult, Omitted> {
  readonly jsonOutputs?: readonly BuiltOutput[] | undefined;
  readonly namedOutputs?: readonly BuiltOutput[] | undefined;
}

const served: Codec<ServedBuildResult> = struct<ServedBuildResult>({
  status,
  errorMessage: message(messageMax),
  timesBuilt: since<number | undefined>(v(3), withDefault(u64, 0), undefined),
  isNonDeterministic: since<boolean | undefined>(v(3), withDefault(bool, false), undefined),
  startTime: since<number | undefined>(v(3), withDefault(u64, 0), undefined),
  stopTime: since<number | undefined>(v(3), withDefault(u64, 0), undefined),
  jsonOutputs: between<readonly BuiltOutput[] | undefined>(
    v(6),
    v(7),
    withDefault(builtOutputsAsJson, []),
    undefined,
  ),
  namedOutputs: since<readonly BuiltOutput[] | undefined>(
    v(8),
    withDefault(builtOutputs, []),
    undefined,
  ),
});

/** The answer to BuildDerivation. */
export const serveBuildResult: Codec<BuildResult> = map<ServedBuildResult, BuildResult>(
  served,
  ({ jsonOutputs, namedOutputs, ...result }) => {
    const outputs = namedOutputs ?? jsonOutputs;
    return outputs === undefined ? result : { ...result, builtOutputs: outputs };
  },
  ({ builtOutputs: outputs, ...result }) => ({
    ...result,
    jsonOutputs: outputs,
    namedOutputs: outputs,
  }),
);

/** What isn't known is written as `value`. */
function withDefault<T>(codec: Codec<T>, value: T): Codec<T | undefined> {
  return {
    read: codec.read,
    write: (writer, known, context) => codec.write(writer, known ?? value, context),
  };
}

/** The answer to BuildPaths: nothing went wrong, or this did. */
export interface BuildPathsFailure {
  /** Servers send the exit status of a process here, or a build status: good for nothing but "failed". */
  readonly status: number;
  readonly message: string;
}

const failureMessage = message(messageMax);

/** 0 alone on success, else a number and a message. */
export const buildPathsAnswer: Codec<BuildPathsFailure | undefined> = {
  read: (reader, context) =>
    andThen(reader.u64(), (code) =>
      code === 0
        ? undefined
        : andThen(failureMessage.read(reader, context), (text) => ({
            status: code,
            message: text,
          })),
    ),
  write: (writer, failure, context) => {
    writer.u64(failure?.status ?? 0);
    if (failure !== undefined) failureMessage.write(writer, failure.message, context);
  },
};
