import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-s3';
import { FerryError } from '../../error.ts';
import { DeadHosts } from '../../system/http/dead-hosts.ts';
import { chooseCredentials } from './s3-credentials.ts';
import { S3HttpHandler } from './s3-http-handler.ts';
import { locateS3 } from './s3-location.ts';

type Variables = Readonly<Record<string, string>>;
type Service = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

interface Asked {
  readonly keys: unknown;
  /** What the service was asked for, as "METHOD PATH". */
  readonly requests: readonly string[];
}

/** What is found with a service at hand whose URL is `SERVICE` in the variables, and these contents of `~/.aws/config`. */
async function ask(
  variables: Variables,
  options: { readonly service?: Service; readonly config?: string; readonly profile?: string } = {},
): Promise<Asked> {
  const directory = mkdtempSync(join(tmpdir(), 'ferry-test-'));
  const config = join(directory, 'config');
  writeFileSync(config, options.config ?? '');
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    options.service?.(incoming, outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const url = `http://127.0.0.1:${address.port}`;
  const all: Variables = {
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: join(directory, 'none'),
    AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
    ...Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, value.replace('SERVICE', url)]),
    ),
  };
  const location = locateS3(
    { authority: 'cache', path: '', parameters: new Map(profileParameter(options.profile)) },
    {},
  );
  const handler = new S3HttpHandler({
    connectTimeoutMs: 5000,
    silenceMs: 5000,
    proxies: {},
    deadHosts: new DeadHosts(),
  });
  try {
    return await withVariables(all, async () => {
      const found = await chooseCredentials(sdk, location, all, handler);
      const keys = typeof found === 'function' ? await found() : found;
      return { keys, requests };
    });
  } finally {
    handler.destroy();
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  }
}

function profileParameter(profile: string | undefined): [string, string][] {
  return profile === undefined ? [] : [['profile', profile]];
}

/** The SDK looks at the process's own. */
async function withVariables<T>(variables: Variables, work: () => Promise<T>): Promise<T> {
  const before = new Map(Object.entries(process.env).filter(([name]) => name.startsWith('AWS_')));
  const set = (values: Iterable<readonly [string, string | undefined]>): void => {
    for (const name of Object.keys(process.env))
      if (name.startsWith('AWS_')) delete process.env[name];
    for (const [name, value] of values) if (value !== undefined) process.env[name] = value;
  };
  set(Object.entries(variables));
  try {
    return await work();
  } finally {
    set(before);
  }
}

const KEYS: Variables = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'hunter2' };
const QUICK: Variables = { AWS_METADATA_SERVICE_TIMEOUT: '0.05' };
const PROFILES = `
[profile other]
aws_access_key_id = other-id
aws_secret_access_key = other-secret
[profile program]
credential_process = printf '{"Version":1,"AccessKeyId":"program-id","SecretAccessKey":"program-secret"}'
[profile sso]
sso_session = work
sso_account_id = 123456789012
sso_role_name = reads
region = us-east-1
[sso-session work]
sso_region = us-east-1
sso_start_url = https://example.awsapps.com/start
`;

function keyOf({ keys }: Asked): unknown {
  return typeof keys === 'object' && keys !== null && 'accessKeyId' in keys
    ? keys.accessKeyId
    : keys;
}

test('keys in the variables come first, and nothing is asked', async () => {
  const variables = { ...KEYS, AWS_SESSION_TOKEN: 'token', AWS_PROFILE: 'other' };
  const asked = await ask(variables, { config: PROFILES });
  assert.deepEqual(asked.keys, {
    accessKeyId: 'id',
    secretAccessKey: 'hunter2',
    sessionToken: 'token',
  });
  assert.deepEqual(asked.requests, []);
});

test('a profile that the URI names comes before them', async () => {
  assert.equal(keyOf(await ask(KEYS, { config: PROFILES, profile: 'other' })), 'other-id');
  assert.equal(keyOf(await ask({ AWS_PROFILE: 'other' }, { config: PROFILES })), 'other-id');
  assert.equal(keyOf(await ask({}, { config: PROFILES, profile: 'program' })), 'program-id');
});

test('a profile that gives none is told, with what helps', async () => {
  const says = (message: RegExp) => (error: unknown) => {
    assert.ok(error instanceof FerryError);
    assert.equal(error.code, 'denied');
    assert.match(error.message, message);
    assert.match(error.hint ?? '', /aws sso login/);
    return true;
  };
  const variables = { ...KEYS, AWS_EC2_METADATA_DISABLED: 'true' };
  await assert.rejects(
    ask(variables, { config: PROFILES, profile: 'misspelt' }),
    says(
      /^cannot open "s3:\/\/cache": no credentials from the AWS profile "misspelt": it has none/,
    ),
  );
  await assert.rejects(
    ask(variables, { config: PROFILES, profile: 'sso' }),
    says(/no credentials from the AWS profile "sso": The SSO session/),
  );
});

test('without any the metadata service is asked no more than twice', async () => {
  const silent = await ask(QUICK);
  assert.equal(silent.keys, 'none');
  assert.ok(silent.requests.length <= 2);
  const disabled = await ask({ ...QUICK, AWS_EC2_METADATA_DISABLED: 'true' });
  assert.equal(disabled.keys, 'none');
  assert.deepEqual(disabled.requests, []);
});

test('a machine at Amazon has those of its role', async () => {
  const role = {
    AccessKeyId: 'role-id',
    SecretAccessKey: 'role-secret',
    Token: 'role-token',
    Expiration: '2999-01-01T00:00:00Z',
  };
  const asked = await ask(
    {},
    {
      service: (incoming, outgoing) => {
        if (incoming.method === 'PUT') outgoing.end('a-token');
        else if (incoming.headers['x-aws-ec2-metadata-token'] !== 'a-token') outgoing.destroy();
        else outgoing.end(incoming.url?.endsWith('/') === true ? 'my-role' : JSON.stringify(role));
      },
    },
  );
  assert.equal(keyOf(asked), 'role-id');
});

test('a container has those of its task', async () => {
  const task = {
    AccessKeyId: 'task-id',
    SecretAccessKey: 'task-secret',
    Token: 'task-token',
    Expiration: '2999-01-01T00:00:00Z',
  };
  const asked = await ask(
    {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: 'SERVICE/role',
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'hello',
    },
    {
      service: (incoming, outgoing) => {
        if (incoming.headers.authorization === 'hello') outgoing.end(JSON.stringify(task));
        else outgoing.destroy();
      },
    },
  );
  assert.equal(keyOf(asked), 'task-id');
});

test('a web identity is exchanged for a session', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ferry-test-'));
  const file = join(directory, 'token');
  writeFileSync(file, 'an-identity');
  try {
    const asked = await ask(
      {
        AWS_WEB_IDENTITY_TOKEN_FILE: file,
        AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/reads',
        AWS_ENDPOINT_URL_STS: 'SERVICE',
      },
      {
        service: (incoming, outgoing) => {
          incoming.resume();
          outgoing.end(`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>session-id</AccessKeyId><SecretAccessKey>session-secret</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`);
        },
      },
    );
    assert.equal(keyOf(asked), 'session-id');
    const lost = { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: 'arn:aws:iam::1:role/x' };
    await assert.rejects(
      ask({ ...lost, AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '1' }),
      (error) => error instanceof FerryError && error.code === 'unavailable',
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
