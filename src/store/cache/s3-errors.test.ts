import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FerryError, type ErrorCode } from '../../error.ts';
import { ConnectError, DeadHostError } from '../../system/http/connect-error.ts';
import {
  describeFailure,
  isAbsent,
  isOverloaded,
  mayPass,
  translateS3Error,
  type FailedRequest,
} from './s3-errors.ts';
import { locateS3 } from './s3-location.ts';

interface Thrown {
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, string>>;
}

/** As the SDK throws them. */
function thrown({ status, code, message = 'UnknownError', headers, body }: Thrown): Error {
  return Object.assign(new Error(message), {
    name: code ?? 'Unknown',
    ...(code === undefined ? {} : { Code: code }),
    $metadata: { httpStatusCode: status },
    $response: { statusCode: status, headers: headers ?? {} },
    ...body,
  });
}

const location = locateS3(
  { authority: 'cache', path: '', parameters: new Map([['endpoint', 'http://s3:1']]) },
  {},
);
const request: FailedRequest = {
  doing: 'read',
  key: 'x.narinfo',
  location,
  region: 'us-east-1',
  isAnonymous: false,
};

test('what may pass is told from what stays', () => {
  const passing: Thrown[] = [
    { status: 500, code: 'InternalError' },
    { status: 503, code: 'SlowDown' },
    { status: 503 },
    { status: 429 },
    { status: 408 },
    { status: 400, code: 'RequestTimeout' },
    { status: 400, code: 'ThrottlingException' },
    { status: 403, code: 'RequestTimeTooSkewed' },
    { status: 400, code: 'BadDigest' },
  ];
  for (const error of passing) assert.equal(mayPass(describeFailure(thrown(error))), true);
  const lasting: Thrown[] = [
    { status: 501, code: 'NotImplemented' },
    { status: 507 },
    { status: 403, code: 'AccessDenied' },
    { status: 404, code: 'NoSuchKey' },
    { status: 400 },
    { status: 301 },
  ];
  for (const error of lasting) assert.equal(mayPass(describeFailure(thrown(error))), false);
  const lost = (code: string): boolean =>
    mayPass(describeFailure(Object.assign(new Error('lost'), { code })));
  assert.equal(lost('ECONNRESET'), true);
  assert.equal(lost('HPE_INVALID_CONSTANT'), false);
  const connect = (error: Error): boolean => mayPass(describeFailure(error));
  assert.equal(connect(new ConnectError('refused')), true);
  assert.equal(connect(new ConnectError('certificate', { mayPass: false })), false);
  assert.equal(connect(new ConnectError('late', { isTimeout: true })), false);
  assert.equal(connect(new DeadHostError({ reason: 'late' })), false);
  assert.equal(isOverloaded(describeFailure(thrown({ status: 503 }))), true);
  assert.equal(isOverloaded(describeFailure(thrown({ status: 500 }))), false);
});

test('what is not there is told from what is wrong', () => {
  const absent = (error: Thrown): boolean => isAbsent(describeFailure(thrown(error)));
  assert.equal(absent({ status: 404, code: 'NoSuchKey' }), true);
  assert.equal(absent({ status: 404 }), true);
  assert.equal(absent({ status: 403, code: 'AccessDenied' }), true);
  assert.equal(absent({ status: 404, code: 'NoSuchBucket' }), false);
  assert.equal(absent({ status: 403, code: 'InvalidAccessKeyId' }), false);
  assert.equal(absent({ status: 403, code: 'SignatureDoesNotMatch' }), false);
  assert.equal(absent({ status: 503 }), false);
});

test('each error says what it is and what helps', () => {
  const cases: readonly (readonly [Thrown, ErrorCode, RegExp, RegExp?])[] = [
    [{ status: 404, code: 'NoSuchBucket' }, 'not-found', /no bucket "cache" on "http:\/\/s3:1"/],
    [{ status: 403, code: 'InvalidAccessKeyId' }, 'denied', /know the access key/, /profile/],
    [{ status: 403, code: 'SignatureDoesNotMatch' }, 'denied', /signature/, /secret access key/],
    [{ status: 400, code: 'ExpiredToken' }, 'denied', /session.* over/, /aws sso login/],
    [{ status: 403, code: 'RequestTimeTooSkewed' }, 'denied', /the time/, /clock/],
    [{ status: 403, code: 'QuotaExceeded', message: 'full' }, 'no-space', /no room for it: full/],
    [{ status: 507 }, 'no-space', /no room/],
    [{ status: 400, code: 'EntityTooLarge' }, 'unsupported', /at once/, /multipart/],
    [{ status: 400, code: 'BadDigest' }, 'corrupt', /changed on their way/],
    [{ status: 501, code: 'NotImplemented' }, 'unsupported', /doesn't do that \(501 NotImpl/],
    [{ status: 412, code: 'PreconditionFailed' }, 'conflict', /changed meanwhile/],
    [{ status: 503, code: 'SlowDown' }, 'unavailable', /the server fails \(503 SlowDown\)/],
    [{ status: 418 }, 'protocol', /the server answers 418$/],
    [
      { status: 403, code: 'AccessDenied', message: 'User: x is not allowed' },
      'denied',
      /403 AccessDenied User: x is not allowed/,
      /s3:GetObject/,
    ],
    [
      { status: 301, headers: { 'x-amz-bucket-region': 'eu-west-1' } },
      'usage',
      /the bucket is in the region eu-west-1/,
      /region=eu-west-1/,
    ],
    [
      { status: 400, code: 'AuthorizationHeaderMalformed', body: { Region: 'eu-west-1' } },
      'usage',
      /eu-west-1/,
    ],
  ];
  for (const [error, code, message, hint] of cases) {
    const told = translateS3Error(thrown(error), request);
    assert.ok(told instanceof FerryError);
    assert.equal(told.code, code, told.message);
    assert.match(told.message, message);
    assert.match(told.message, /^cannot read "s3:\/\/cache\/x\.narinfo": /);
    if (hint !== undefined) assert.match(told.hint ?? '', hint);
  }
});

test('a region that is the right one already is no explanation', () => {
  const error = thrown({ status: 307, headers: { 'x-amz-bucket-region': 'us-east-1' } });
  const told = translateS3Error(error, request);
  assert.ok(told instanceof FerryError);
  assert.equal(told.code, 'protocol');
});

test('a server that does not answer is told with what helps', () => {
  const told = translateS3Error(new ConnectError('no such host', { hint: 'do this' }), request);
  assert.ok(told instanceof FerryError);
  assert.equal(told.code, 'unavailable');
  assert.match(told.message, /"http:\/\/s3:1" can't be reached: no such host/);
  assert.equal(told.hint, 'do this');
});

test('a message of a server is one short line, whatever it sends', () => {
  const error = thrown({
    status: 400,
    code: 'Bad',
    message: `a\n\u001b[31mb\u202e${'x'.repeat(999)}`,
  });
  const told = translateS3Error(error, request);
  assert.ok(told instanceof FerryError);
  assert.doesNotMatch(told.message, /[\p{Cc}\p{Cf}]/u);
  assert.ok(told.message.length < 400);
});

test('Retry-After is understood in seconds and as a date, up to a minute', () => {
  const wait = (text: string): number | undefined =>
    describeFailure(thrown({ status: 503, headers: { 'retry-after': text } })).retryAfterMs;
  assert.equal(wait('3'), 3000);
  assert.equal(wait('86400'), 60_000);
  assert.equal(wait('Thu, 01 Jan 1970 00:00:00 GMT'), 0);
  assert.equal(wait('Fri, 01 Jan 2999 00:00:00 GMT'), 60_000);
  assert.equal(wait('soon'), undefined);
});

test('any thrown thing at all can be told', () => {
  for (const odd of [undefined, null, 'text', 7, {}, new Error('x')]) {
    assert.ok(translateS3Error(odd, request) instanceof FerryError);
  }
  const own = new FerryError('corrupt', 'ours');
  assert.equal(translateS3Error(own, request), own);
});
