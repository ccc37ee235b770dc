/** From settings, the environment and the parameters of a store URI to how a cache is asked over HTTP. */
import type { Environment } from '../../config/environment.ts';
import { readNetrc } from '../../config/netrc.ts';
import type { Settings } from '../../config/settings.ts';
import { numberParameter, type Parameters } from '../../config/store-uri.ts';
import { FerryError } from '../../error.ts';
import { parseHttpUrl } from '../../system/http/http-url.ts';
import { proxyRulesOf } from '../../system/http/proxy-rules.ts';
import { WAIT_MS_MAX } from '../../system/pause.ts';
import { version } from '../../version.ts';
import type { HttpObjectsOptions } from './http-objects.ts';

/** Those that this file gives a meaning to (Nix manual, "HTTP Binary Cache Store"). */
export const httpParameters: readonly string[] = [
  'tls-certificate',
  'tls-private-key',
  'retry-attempts',
  'retry-delay',
  'retry-delay-rate-limited',
  'retry-max-delay',
];

export interface HttpContext {
  readonly env: Environment;
  readonly settings: Settings;
  readonly onDiagnostic?: ((line: string) => void) | undefined;
}

/**
 * @param url of the cache, with its credentials and without its parameters.
 * @throws FerryError `usage` for parameters that make no sense.
 */
export function httpObjectsOptions(
  url: string,
  parameters: Parameters,
  { env, settings, onDiagnostic }: HttpContext,
): HttpObjectsOptions {
  const certificateFile = parameters.get('tls-certificate');
  const keyFile = parameters.get('tls-private-key');
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new FerryError('usage', 'tls-certificate and tls-private-key need each other');
  }
  const client =
    certificateFile === undefined || keyFile === undefined
      ? undefined
      : { certificateFile, keyFile, origin: parseHttpUrl(url).origin };
  const { sslCertFile, downloadSpeedKiB, connectTimeoutSeconds, userAgentSuffix } = settings;
  const suffix = userAgentSuffix.replace(/[^\x20-\x7e]+/g, ' ').trim();
  return {
    url,
    readNetrc: () => readNetrc(settings.netrcFile),
    http: {
      connectionsMax: settings.httpConnections,
      http2: settings.http2,
      connectTimeoutMs: timeoutMs(connectTimeoutSeconds),
      stallTimeoutMs: timeoutMs(settings.stalledDownloadTimeoutSeconds),
      retries: {
        attempts: Math.max(
          1,
          numberParameter(parameters, 'retry-attempts') ?? settings.downloadAttempts,
        ),
        delayMs: numberParameter(parameters, 'retry-delay') ?? settings.filetransferRetryDelayMs,
        rateLimitedDelayMs:
          numberParameter(parameters, 'retry-delay-rate-limited') ??
          settings.filetransferRetryDelayRateLimitedMs,
        delayMsMax: Math.min(
          numberParameter(parameters, 'retry-max-delay') ?? settings.filetransferRetryMaxDelayMs,
          WAIT_MS_MAX,
        ),
      },
      bytesPerSecondMax: downloadSpeedKiB === 0 ? undefined : downloadSpeedKiB * 1024,
      userAgent: `ferry/${version}${suffix === '' ? '' : ` ${suffix}`}`,
      tls: { caFile: sslCertFile === '' ? undefined : sslCertFile, client },
      proxies: proxyRulesOf(env.variables),
      onDiagnostic,
    },
  };
}

/** Undefined, the default, for 0: that would be for ever, and nothing waits for ever. */
export function timeoutMs(seconds: number): number | undefined {
  return seconds === 0 ? undefined : Math.min(seconds * 1000, WAIT_MS_MAX);
}
