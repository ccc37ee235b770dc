/** SetOptions: how the server is to work for this client. What a client may change that isn't trusted, it decides. */
import type { Codec } from '../codec.ts';
import { bool, ignored, list, map, since, string, struct, u64 } from '../combinators.ts';
import { v } from './version.ts';

export interface WorkerOptions {
  readonly keepFailed: boolean;
  readonly keepGoing: boolean;
  /** Build where substituting fails. */
  readonly tryFallback: boolean;
  /** What it tells: `verbosity` of `messages.ts`. */
  readonly verbosity: number;
  readonly maxBuildJobs: number;
  /** Seconds; 0 for no limit. */
  readonly maxSilentTime: number;
  readonly verboseBuild: boolean;
  /** 0 for all there are. */
  readonly buildCores: number;
  readonly useSubstitutes: boolean;
  /** Settings by name, as in nix.conf. They come after the fields above, and win. */
  readonly overrides: ReadonlyMap<string, string>;
}

/** Fields that mean nothing any more, with the values that Nix sends. */
interface SentOptions extends WorkerOptions {
  readonly useBuildHook?: undefined;
  readonly logType?: undefined;
  readonly printBuildTrace?: undefined;
}

/** As levels: 0 is told, 7 is not. */
const verboseBuild: Codec<boolean> = map(
  u64,
  (level) => level === 0,
  (isVerbose) => (isVerbose ? 0 : 7),
);

interface Override {
  readonly name: string;
  readonly value: string;
}

const override: Codec<Override> = struct<Override>({
  name: string(4096),
  value: string(1024 * 1024),
});

const overrides: Codec<ReadonlyMap<string, string>> = map(
  list(override, 1000),
  (pairs): ReadonlyMap<string, string> => new Map(pairs.map(({ name, value }) => [name, value])),
  (values) => Array.from(values, ([name, value]) => ({ name, value })),
);

// In the order of the wire.
export const workerOptions: Codec<WorkerOptions> = struct<SentOptions>({
  keepFailed: bool,
  keepGoing: bool,
  tryFallback: bool,
  verbosity: u64,
  maxBuildJobs: u64,
  maxSilentTime: u64,
  useBuildHook: ignored(1),
  verboseBuild,
  logType: ignored(0),
  printBuildTrace: ignored(0),
  buildCores: u64,
  useSubstitutes: bool,
  overrides: since<ReadonlyMap<string, string>>(v(12), overrides, new Map()),
});
