/** What came of a build. Both protocols number the outcomes alike; older peers send the outputs as JSON. */
import { FerryError } from '../error.ts';
import { parseStorePathBaseName, type StorePath } from '../format/store-path.ts';
import type { Codec } from './codec.ts';
import { list, map, message, string, struct } from './combinators.ts';
import { signatures, storePath } from './store-codecs.ts';

const STATUS_NAMES = [
  'Built',
  'Substituted',
  'AlreadyValid',
  'PermanentFailure',
  'InputRejected',
  'OutputRejected',
  'TransientFailure',
  'CachedFailure',
  'TimedOut',
  'MiscFailure',
  'DependencyFailed',
  'LogLimitExceeded',
  'NotDeterministic',
  'ResolvesToAlreadyValid',
  'NoSubstituters',
] as const;

export type BuildStatus = (typeof STATUS_NAMES)[number];

export interface BuildResult {
  readonly status: BuildStatus;
  /** Empty where nothing went wrong. */
  readonly errorMessage: string;
  readonly timesBuilt?: number | undefined;
  readonly isNonDeterministic?: boolean | undefined;
  /** Seconds since 1970. */
  readonly startTime?: number | undefined;
  readonly stopTime?: number | undefined;
  /** Microseconds of processor time; only the worker protocol tells them. */
  readonly cpuUserMicroseconds?: number | undefined;
  readonly cpuSystemMicroseconds?: number | undefined;
  readonly builtOutputs?: readonly BuiltOutput[] | undefined;
}

export interface BuiltOutput {
  readonly name: string;
  readonly path: StorePath;
  readonly signatures: readonly string[];
}

export function buildStatusNumber(status: BuildStatus): number {
  return STATUS_NAMES.indexOf(status);
}

/** @throws FerryError `corrupt` for a number that stands for nothing. */
export function parseBuildStatus(number: number): BuildStatus {
  const name = STATUS_NAMES[number];
  if (name === undefined) throw new FerryError('corrupt', `${number} is not a build status`);
  return name;
}

const outputsMax = 100_000;

/** Name, path and signatures of each: the newer form. */
export const builtOutputs: Codec<readonly BuiltOutput[]> = list(
  struct<BuiltOutput>({ name: string(4096), path: storePath, signatures }),
  outputsMax,
);

interface JsonOutput {
  readonly id: string;
  readonly json: string;
}

/** `sha256:<base 16>!<name>` and a JSON object of each. The hash is of use to nobody any more: written as zeros. */
export const builtOutputsAsJson: Codec<readonly BuiltOutput[]> = map(
  list(struct<JsonOutput>({ id: string(4096), json: message(1024 * 1024) }), outputsMax),
  (outputs): readonly BuiltOutput[] => outputs.map(parseJsonOutput),
  (outputs) => outputs.map(formatJsonOutput),
);

function parseJsonOutput({ id, json }: JsonOutput): BuiltOutput {
  const bang = id.indexOf('!');
  const realisation = parseJsonObject(json);
  const path = realisation?.['outPath'];
  if (bang < 0 || typeof path !== 'string') {
    throw new FerryError('corrupt', 'output has no name or no path');
  }
  return {
    name: id.slice(bang + 1),
    path: parseStorePathBaseName(path),
    signatures: jsonSignatures(realisation?.['signatures']),
  };
}

/** Signatures in JSON, sorted: texts, or (as some releases write them) objects with the name of the key apart. */
export function jsonSignatures(value: unknown): string[] {
  const entries: unknown[] = Array.isArray(value) ? value : [];
  const texts = entries.flatMap((entry) => {
    if (typeof entry === 'string') return [entry];
    if (typeof entry !== 'object' || entry === null) return [];
    const { keyName, sig } = entry as { readonly keyName?: unknown; readonly sig?: unknown };
    return typeof keyName === 'string' && typeof sig === 'string' ? [`${keyName}:${sig}`] : [];
  });
  return texts.sort();
}

/** The object that a text is in JSON, or undefined for anything else. */
export function parseJsonObject(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

function formatJsonOutput({ name, path, signatures }: BuiltOutput): JsonOutput {
  const id = `sha256:${'0'.repeat(64)}!${name}`;
  return {
    id,
    json: JSON.stringify({ dependentRealisations: {}, id, outPath: path, signatures }),
  };
}
