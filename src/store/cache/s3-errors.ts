/**
 * What an S3 server, or the way to it, says when something fails: whether it may pass, and how people are told. Codes
 * are those of "Error responses" in the Amazon S3 API reference, which compatible servers use too.
 */
import { FerryError, isFerryError, messageOf, type ErrorCode } from '../../error.ts';
import { ConnectError, DeadHostError, reasonOf } from '../../system/http/connect-error.ts';
import type { S3Location } from './s3-location.ts';

/** What is known about a failed request. */
export interface S3Failure {
  /** Undefined where no answer came. */
  readonly status: number | undefined;
  /** `NoSuchKey`, or the name of an error of the system, `ECONNRESET`; empty for an answer without a body. */
  readonly code: string;
  readonly message: string;
  /** Where the bucket is, when that is what is wrong. */
  readonly region: string | undefined;
  /** What the server wants us to wait. */
  readonly retryAfterMs: number | undefined;
  /** Of a connection that couldn't be made. */
  readonly connection?: { readonly mayPass: boolean; readonly hint: string | undefined };
}

export interface FailedRequest {
  /** "read", "write", "delete", "list". */
  readonly doing: string;
  readonly key: string;
  readonly location: S3Location;
  /** To which it was made. */
  readonly region: string;
  /** Whether the request had no signature, as there are no credentials. */
  readonly isAnonymous: boolean;
}

const MESSAGE_LENGTH_MAX = 300;
const RETRY_AFTER_MAX_MS = 60_000;

export function describeFailure(error: unknown): S3Failure {
  if (error instanceof ConnectError || error instanceof DeadHostError) {
    const nothing = { status: undefined, region: undefined, retryAfterMs: undefined };
    // What ran out of time would take as long again.
    const mayPass = error instanceof ConnectError && error.mayPass && !error.isTimeout;
    const connection = { mayPass, hint: error.hint };
    return { ...nothing, code: '', message: reasonOf(error), connection };
  }
  const at = (from: unknown, name: string): unknown =>
    typeof from === 'object' && from !== null
      ? (from as Readonly<Record<string, unknown>>)[name]
      : undefined;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const status =
    at(at(error, '$metadata'), 'httpStatusCode') ?? at(at(error, '$response'), 'statusCode');
  const headers = at(at(error, '$response'), 'headers');
  const code = text(at(error, 'Code')) || text(at(error, 'code')) || text(at(error, 'name'));
  const region = text(at(headers, 'x-amz-bucket-region')) || text(at(error, 'Region'));
  return {
    status: typeof status === 'number' ? status : undefined,
    code: code === 'Unknown' || code === 'Error' ? '' : code,
    message: printable(messageOf(error)),
    region: /^[a-z0-9-]{1,64}$/.test(region) ? region : undefined,
    retryAfterMs: parseRetryAfter(text(at(headers, 'retry-after'))),
  };
}

/** Errors of a connection that stood, which may be different in a moment. */
const PASSING_ERRNOS: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** They come with 400 or 403 too. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'SlowDown',
  'InternalError',
  'InternalFailure',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'RequestExpired',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'IncompleteBody',
  'OperationAborted',
  // The bytes were damaged on their way.
  'BadDigest',
  'XAmzContentSHA256Mismatch',
]);

export function mayPass({ status, code, connection }: S3Failure): boolean {
  if (connection !== undefined) return connection.mayPass;
  if (status === undefined) return PASSING_ERRNOS.has(code) || code === 'TimeoutError';
  if (PASSING_CODES.has(code) || code.startsWith('Throttl')) return true;
  if (status === 408 || status === 429) return true;
  return status >= 500 && status !== 501 && status !== 505 && status !== 507 && status !== 511;
}

/** Whether the server has too much to do: then pauses are longer. */
export function isOverloaded({ status, code }: S3Failure): boolean {
  return status === 503 || status === 429 || code === 'SlowDown' || code.startsWith('Throttl');
}

/** Whether there is no such object. The server of a bucket that we may not list says 403 instead, as Nix knows. */
export function isAbsent({ status, code }: S3Failure): boolean {
  if (code === 'NoSuchKey' || code === 'NotFound') return true;
  if (code === 'AccessDenied') return true;
  return status === 404 && code === '';
}

interface Explanation {
  readonly code: ErrorCode;
  readonly why: string;
  readonly hint?: string | undefined;
}

/** The error for people. What is ours already stays as it is. */
export function translateS3Error(error: unknown, request: FailedRequest): unknown {
  if (isFerryError(error)) return error;
  const { location, doing, key } = request;
  const { code, why, hint } = explain(describeFailure(error), request);
  const target = key === '' ? location.uri : `${location.uri}/${key}`;
  return new FerryError(code, `cannot ${doing} "${target}": ${why}`, {
    store: location.uri,
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

const NO_CREDENTIALS =
  'no AWS credentials were found, so the request had no signature: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile that has some (AWS_PROFILE, ?profile=)';

function explain(failure: S3Failure, request: FailedRequest): Explanation {
  const { location, isAnonymous } = request;
  const { status, code, message, region } = failure;
  switch (code) {
    case 'NoSuchBucket':
      return {
        code: 'not-found',
        why: `there is no bucket "${location.bucket}" on ${serverName(location)}`,
      };
    case 'InvalidAccessKeyId':
      return {
        code: 'denied',
        why: `${serverName(location)} does not know the access key`,
        hint: 'credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from a profile (AWS_PROFILE, ?profile=)',
      };
    case 'SignatureDoesNotMatch':
      return {
        code: 'denied',
        why: 'the signature is not what the server expects',
        hint: 'the secret access key does not belong to the access key, or something on the way changes requests',
      };
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'TokenRefreshRequired':
    case 'InvalidToken':
      return {
        code: 'denied',
        why: 'the session of these credentials is over',
        hint: 'log in again, for example with "aws sso login"',
      };
    case 'RequestTimeTooSkewed':
    case 'RequestExpired':
      return {
        code: 'denied',
        why: 'this machine and the server disagree about the time',
        hint: 'set the clock of this machine',
      };
    case 'QuotaExceeded':
    case 'ServiceQuotaExceeded':
    case 'XMinioStorageFull':
    case 'InsufficientStorage':
      return { code: 'no-space', why: `the server has no room for it: ${message}` };
    case 'EntityTooLarge':
      return {
        code: 'unsupported',
        why: 'the server takes no object as large as this at once',
        hint: 'leave out multipart-upload=false, and large objects are sent in parts',
      };
    case 'BadDigest':
    case 'XAmzContentSHA256Mismatch':
      return { code: 'corrupt', why: 'the bytes were changed on their way to the server' };
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return {
        code: 'denied',
        why: `there are no credentials: ${message}`,
        hint: 'check the profile, or log in again, for example with "aws sso login"',
      };
    default:
  }
  if (region !== undefined && region !== request.region && isWrongRegion(failure)) {
    return {
      code: 'usage',
      why: `the bucket is in the region ${region}`,
      hint: `say ?region=${region}`,
    };
  }
  if (status === undefined) return explainLost(failure, location);
  const said = [String(status), code, message === 'UnknownError' ? '' : message]
    .filter((word) => word !== '')
    .join(' ');
  if (status === 401 || status === 403) {
    return {
      code: 'denied',
      why: `the server says no (${said})`,
      hint: isAnonymous ? NO_CREDENTIALS : permissionHint(request),
    };
  }
  if (status === 412) return { code: 'conflict', why: 'it was changed meanwhile' };
  if (status === 404) return { code: 'not-found', why: `it isn't there (${said})` };
  if (status === 507) return { code: 'no-space', why: `the server has no room for it (${said})` };
  if (status === 405 || status === 501) {
    return { code: 'unsupported', why: `the server doesn't do that (${said})` };
  }
  if (mayPass(failure)) return { code: 'unavailable', why: `the server fails (${said})` };
  return { code: 'protocol', why: `the server answers ${said}` };
}

function explainLost({ message, connection }: S3Failure, location: S3Location): Explanation {
  const why = `${serverName(location)} can't be reached: ${message}`;
  return { code: 'unavailable', why, hint: connection?.hint };
}

/** What a bucket elsewhere is answered with, by several servers. A HEAD has no code. */
export function isWrongRegion({ status, code }: S3Failure): boolean {
  return (
    status === 301 ||
    status === 307 ||
    code === 'PermanentRedirect' ||
    code === 'AuthorizationHeaderMalformed' ||
    code === 'IllegalLocationConstraintException' ||
    (status === 400 && code === '')
  );
}

function permissionHint({ doing }: FailedRequest): string {
  switch (doing) {
    case 'write':
      return 'the credentials need the permissions s3:PutObject, s3:AbortMultipartUpload and s3:GetObject for it';
    case 'delete':
      return 'the credentials need the permission s3:DeleteObject for it';
    case 'list':
      return 'the credentials need the permission s3:ListBucket for the bucket';
    default:
      return 'the credentials need s3:GetObject, and s3:ListBucket so that what is missing can be told from what is forbidden';
  }
}

function serverName({ endpoint, region }: S3Location): string {
  if (endpoint !== undefined) return `"${endpoint}"`;
  return region === undefined ? 'Amazon S3' : `Amazon S3 in ${region}`;
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function parseRetryAfter(text: string): number | undefined {
  if (text === '') return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}

/** One line of what a server or a program says: it may be anything. */
export function printable(message: string): string {
  const line = message.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
  return line.length > MESSAGE_LENGTH_MAX ? `${line.slice(0, MESSAGE_LENGTH_MAX)}…` : line;
}
