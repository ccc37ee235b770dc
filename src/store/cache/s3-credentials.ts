/**
 * Whose requests they are. As the AWS command line and Nix look for it: the profile that the URI names and nothing
 * else; or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or what the chain of the AWS SDK finds (profiles with keys,
 * roles, SSO or a program; web identity; containers; the metadata service of a machine at Amazon). Who finds nothing
 * makes requests without signature, which is how public buckets are read.
 */
import type * as SdkModule from '@aws-sdk/client-s3';
import type { Variables } from '../../config/environment.ts';
import { FerryError, messageOf } from '../../error.ts';
import { describeFailure, printable } from './s3-errors.ts';
import type { S3HttpHandler } from './s3-http-handler.ts';
import type { S3Location } from './s3-location.ts';

type Provider = NonNullable<SdkModule.S3ClientConfig['credentials']>;

export type S3Credentials = Provider | 'none';

/**
 * Twice so long at most does it cost on a machine that isn't at Amazon to find that out. There, answers come within
 * milliseconds; a slower stand-in for the service has these variables of the AWS command line.
 */
const METADATA_TIMEOUT_MS = 450;

/**
 * @throws FerryError `denied` where the URI names a profile that gives none, or what there is says no; `unavailable`
 *   where the service that would give them can't be reached.
 */
export async function chooseCredentials(
  sdk: typeof SdkModule,
  location: S3Location,
  variables: Variables,
  requestHandler: S3HttpHandler,
): Promise<S3Credentials> {
  if (location.profile === undefined) {
    const own = keysIn(variables);
    if (own !== undefined) return own;
  }
  const profile = location.profile ?? nonEmpty(variables['AWS_PROFILE']);
  const config: ChainConfig = {
    region: location.region ?? 'us-east-1',
    logger: SILENT,
    // Services that give credentials are behind the same proxies.
    requestHandler,
    ...(profile === undefined ? {} : { profile }),
    ...metadataLimits(variables),
  };
  const { credentials } = new sdk.S3Client(config).config;
  try {
    await credentials();
    return credentials;
  } catch (error) {
    const isNone = messageOf(error) === NOTHING_FOUND;
    if (isNone && location.profile === undefined) return 'none';
    const whose = profile === undefined ? 'the AWS configuration' : `the AWS profile "${profile}"`;
    const why = isNone ? 'it has none, or is not there' : printable(messageOf(error));
    const { status, code } = describeFailure(error);
    const isLost = status === undefined && code !== 'CredentialsProviderError';
    throw new FerryError(
      isLost ? 'unavailable' : 'denied',
      `cannot open "${location.uri}": no credentials from ${whose}: ${why}`,
      {
        store: location.uri,
        hint: 'profiles are in ~/.aws/config and ~/.aws/credentials; those of SSO want "aws sso login" from time to time',
        cause: error,
      },
    );
  }
}

/** By these words alone does the SDK's chain say that it is at its end. */
const NOTHING_FOUND = 'Could not load credentials from any providers';

/** The SDK passes on to its providers what it doesn't know itself. */
type ChainConfig = SdkModule.S3ClientConfig & { timeout?: number; maxRetries?: number };

function keysIn(variables: Variables): Provider | undefined {
  const accessKeyId = nonEmpty(variables['AWS_ACCESS_KEY_ID']);
  const secretAccessKey = nonEmpty(variables['AWS_SECRET_ACCESS_KEY']);
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const sessionToken = nonEmpty(variables['AWS_SESSION_TOKEN']);
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function metadataLimits(variables: Variables): { timeout?: number; maxRetries?: number } {
  // Inside a container the same limits would be those of its own service.
  const isContainer =
    nonEmpty(variables['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']) ??
    nonEmpty(variables['AWS_CONTAINER_CREDENTIALS_FULL_URI']);
  if (isContainer !== undefined) return {};
  const seconds = Number(nonEmpty(variables['AWS_METADATA_SERVICE_TIMEOUT']) ?? Number.NaN);
  const attempts = Number(nonEmpty(variables['AWS_METADATA_SERVICE_NUM_ATTEMPTS']) ?? Number.NaN);
  return {
    timeout: seconds > 0 && seconds <= 60 ? seconds * 1000 : METADATA_TIMEOUT_MS,
    maxRetries: attempts >= 1 && attempts <= 10 ? Math.floor(attempts) - 1 : 0,
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

const ignore = (): void => {};
/** The SDK would print warnings for its own developers. */
export const SILENT: NonNullable<SdkModule.S3ClientConfig['logger']> = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
};
