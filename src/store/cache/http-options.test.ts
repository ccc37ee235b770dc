import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEnvironment } from '../../config/environment.ts';
import { loadSettings } from '../../config/settings.ts';
import { isFerryError } from '../../error.ts';
import { version } from '../../version.ts';
import { httpObjectsOptions, httpParameters } from './http-options.ts';
import type { HttpObjectsOptions } from './http-objects.ts';

const NO_FILES = { NIX_CONF_DIR: '/nonexistent', NIX_USER_CONF_FILES: '', HOME: '/nonexistent' };

function optionsWith(
  settings: Readonly<Record<string, string>>,
  parameters: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {},
): HttpObjectsOptions {
  const env = readEnvironment({ ...NO_FILES, ...variables });
  const context = { env, settings: loadSettings(env, Object.entries(settings)) };
  return httpObjectsOptions('https://cache:8443/a', new Map(Object.entries(parameters)), context);
}

test('settings become what the client is told', () => {
  const { http } = optionsWith(
    {
      'http-connections': '7',
      http2: 'false',
      'connect-timeout': '3',
      'stalled-download-timeout': '4',
      'download-attempts': '2',
      'download-speed': '100',
      'ssl-cert-file': '/ca.pem',
      'user-agent-suffix': 'of\tours',
    },
    {},
    { https_proxy: 'http://proxy:1', NO_PROXY: 'local' },
  );
  assert.equal(http?.connectionsMax, 7);
  assert.equal(http?.http2, false);
  assert.equal(http?.connectTimeoutMs, 3000);
  assert.equal(http?.stallTimeoutMs, 4000);
  assert.equal(http?.retries?.attempts, 2);
  assert.equal(http?.bytesPerSecondMax, 102_400);
  assert.equal(http?.tls?.caFile, '/ca.pem');
  assert.equal(http?.tls?.client, undefined);
  assert.equal(http?.userAgent, `ferry/${version} of ours`);
  assert.equal(http?.proxies?.https, 'http://proxy:1');
  assert.equal(http?.proxies?.no, 'local');
});

test('limits that are longer than timers can wait are as long as these can', () => {
  const { http } = optionsWith(
    { 'connect-timeout': '9223372036854775807', 'stalled-download-timeout': '3000000' },
    { 'retry-max-delay': '999999999999' },
  );
  const longest = 2 ** 31 - 1;
  assert.equal(http?.connectTimeoutMs, longest);
  assert.equal(http?.stallTimeoutMs, longest);
  assert.equal(http?.retries?.delayMsMax, longest);
});

test('no limit of Nix is a limit of ours', () => {
  const { http } = optionsWith({
    'connect-timeout': '0',
    'stalled-download-timeout': '0',
    'download-attempts': '0',
    'download-speed': '0',
  });
  assert.equal(http?.connectTimeoutMs, undefined);
  assert.equal(http?.stallTimeoutMs, undefined);
  assert.equal(http?.retries?.attempts, 1);
  assert.equal(http?.bytesPerSecondMax, undefined);
});

test('parameters of the store win', () => {
  const { http } = optionsWith(
    {},
    {
      'tls-certificate': '/c',
      'tls-private-key': '/k',
      'retry-attempts': '9',
      'retry-delay': '1',
      'retry-delay-rate-limited': '2',
      'retry-max-delay': '3',
    },
  );
  assert.deepEqual(http?.tls?.client, {
    certificateFile: '/c',
    keyFile: '/k',
    origin: 'https://cache:8443',
  });
  assert.deepEqual(http?.retries, {
    attempts: 9,
    delayMs: 1,
    rateLimitedDelayMs: 2,
    delayMsMax: 3,
  });
  assert.equal(httpParameters.length, 6);
  assert.throws(
    () => optionsWith({}, { 'tls-certificate': '/c' }),
    (error) => isFerryError(error, 'usage'),
  );
});
