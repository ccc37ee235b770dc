/**
 * What a daemon is told of how to work. Without overrides it is told nothing: it then works as its own machine is
 * configured, whereas telling it means telling it everything.
 */
import { availableParallelism } from 'node:os';
import { verbosity } from '../../wire/worker/messages.ts';
import type { WorkerOptions } from '../../wire/worker/options.ts';

/** Settings of the client alone. */
const OURS: ReadonlySet<string> = new Set([
  'store',
  'experimental-features',
  'extra-experimental-features',
  'plugin-files',
  'ssh-auth-sock',
  'netrc-file',
  'secret-key-files',
]);

/** What a machine elsewhere may be told: where it is to look for paths, and how. The rest is its own business. */
const ABOUT_SUBSTITUTING: ReadonlySet<string> = new Set([
  'substituters',
  'extra-substituters',
  'binary-caches',
  'substitute',
  'fallback',
  'connect-timeout',
  'stalled-download-timeout',
  'download-attempts',
  'http-connections',
  'max-substitution-jobs',
]);

/**
 * @param overrides settings that the user changed for this command, by name.
 * @param isElsewhere whether the daemon is on another machine.
 */
export function clientSettings(
  overrides: ReadonlyMap<string, string>,
  isElsewhere: boolean,
): WorkerOptions | undefined {
  const sent = new Map(
    [...overrides].filter(([name]) =>
      isElsewhere ? ABOUT_SUBSTITUTING.has(name) : !OURS.has(name),
    ),
  );
  if (sent.size === 0) return undefined;
  const isOn = (name: string, otherwise: boolean): boolean =>
    /^(true|yes|1)$/.test(sent.get(name) ?? String(otherwise));
  const count = (name: string, otherwise: number): number =>
    /^\d{1,9}$/.test(sent.get(name) ?? '') ? Number(sent.get(name)) : otherwise;
  // These fields count for every client; the overrides, which come after them, for trusted ones alone.
  return {
    keepFailed: isOn('keep-failed', false),
    keepGoing: isOn('keep-going', false),
    tryFallback: isOn('fallback', false),
    verbosity: verbosity.info,
    maxBuildJobs: count('max-jobs', availableParallelism()),
    maxSilentTime: count('max-silent-time', 0),
    verboseBuild: false,
    buildCores: count('cores', 0),
    useSubstitutes: isOn('substitute', true),
    overrides: sent,
  };
}
