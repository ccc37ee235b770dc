/** From settings, the environment and a store URI to how a cache in S3 is asked. */
import type { Environment } from '../../config/environment.ts';
import type { Settings } from '../../config/settings.ts';
import type { StoreUri } from '../../config/store-uri.ts';
import { timeoutMs } from './http-options.ts';
import type { S3ObjectsOptions } from './s3-objects.ts';

export interface S3Context {
  readonly env: Environment;
  readonly settings: Settings;
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/** What `http-connections = 0`, which is no limit, comes to. */
const CONNECTIONS_MAX = 128;

/** Settings that Nix has for downloads hold for S3 too, as there. */
export function s3ObjectsOptions(
  uri: Extract<StoreUri, { kind: 'http' | 'https' | 's3' }>,
  { env, settings, onDiagnostic }: S3Context,
): S3ObjectsOptions {
  const { httpConnections, connectTimeoutSeconds, stalledDownloadTimeoutSeconds } = settings;
  return {
    authority: uri.authority,
    path: uri.path,
    parameters: uri.parameters,
    variables: env.variables,
    concurrency: Math.min(httpConnections || CONNECTIONS_MAX, CONNECTIONS_MAX),
    attemptsMax: Math.max(1, settings.downloadAttempts),
    connectTimeoutMs: timeoutMs(connectTimeoutSeconds),
    silenceMs: timeoutMs(stalledDownloadTimeoutSeconds),
    retryDelayMs: settings.filetransferRetryDelayMs,
    overloadedDelayMs: settings.filetransferRetryDelayRateLimitedMs,
    caFile: settings.sslCertFile === '' ? undefined : settings.sslCertFile,
    onDiagnostic,
  };
}
