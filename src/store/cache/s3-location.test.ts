import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStoreUri } from '../../config/store-uri.ts';
import { FerryError } from '../../error.ts';
import { locateS3, s3Parameters, type S3Location } from './s3-location.ts';

function locate(text: string, variables: Record<string, string> = {}): S3Location {
  const uri = parseStoreUri(text);
  assert.ok(uri.kind === 's3');
  return locateS3(uri, variables);
}

function refuses(text: string, message: RegExp): void {
  assert.throws(
    () => locate(text),
    (error) => {
      assert.ok(error instanceof FerryError);
      assert.equal(error.code, 'usage');
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message}${error.hint}`, /hunter2/);
      return true;
    },
  );
}

test('a bucket alone is at Amazon, nowhere in particular, encrypted', () => {
  assert.deepEqual(locate('s3://my-cache'), {
    bucket: 'my-cache',
    prefix: '',
    uri: 's3://my-cache',
    identity: 's3://my-cache',
    region: undefined,
    endpoint: undefined,
    isPathStyle: false,
    isEncrypted: true,
    profile: undefined,
    upload: { multipartThresholdBytes: 100 * 1024 ** 2, partBytes: 8 * 1024 ** 2 },
    storageClass: undefined,
  } satisfies S3Location);
});

test('a path is what keys begin with', () => {
  assert.equal(locate('s3://b1/').prefix, '');
  assert.equal(locate('s3://b1/x').prefix, 'x/');
  const deep = locate('s3://b1/a%20b/c/');
  assert.equal(deep.prefix, 'a b/c/');
  assert.equal(deep.uri, 's3://b1/a b/c');
  for (const path of ['//x', '/a//b', '/../x', '/a/./b', '/%2e%2e', '/a%00', '/%2fa']) {
    refuses(`s3://b1${path}`, /can't be the folder of a cache/);
  }
  refuses('s3://b1/%zz', /malformed percent escape/);
});

test('an endpoint is a URL, or a host and port that scheme belongs to', () => {
  const at = (endpoint: string, more = ''): [string | undefined, boolean, boolean] => {
    const found = locate(`s3://b1?endpoint=${endpoint}${more}`);
    return [found.endpoint, found.isPathStyle, found.isEncrypted];
  };
  assert.deepEqual(at('minio:9000'), ['https://minio:9000', true, true]);
  assert.deepEqual(at('minio:9000', '&scheme=http'), ['http://minio:9000', true, false]);
  assert.deepEqual(at('http://minio:9000'), ['http://minio:9000', true, false]);
  assert.deepEqual(at('https://example.org/s3/'), ['https://example.org/s3', true, true]);
  assert.deepEqual(at('[::1]:9000', '&scheme=http'), ['http://[::1]:9000', true, false]);
  assert.deepEqual(at('minio', '&addressing-style=virtual'), ['https://minio', false, true]);
  assert.equal(locate('s3://b1?endpoint=minio').identity, 's3://b1?endpoint=https://minio');
  assert.notEqual(locate('s3://my-cache?scheme=http').identity, locate('s3://my-cache').identity);
  refuses('s3://b1?endpoint=https://me:hunter2@minio', /endpoint is no URL/);
  refuses('s3://b1?endpoint=https://minio?x=hunter2', /endpoint is no URL/);
  refuses('s3://b1?endpoint=a b', /endpoint is no URL/);
});

test('dotted buckets are addressed by path, as certificates have no dots to spare', () => {
  assert.equal(locate('s3://my.cache').isPathStyle, true);
  assert.equal(locate('s3://my-cache?addressing-style=path').isPathStyle, true);
  refuses('s3://my.cache?addressing-style=virtual', /certificates of Amazon/);
  refuses('s3://b1?addressing-style=host', /addressing-style=host/);
});

test('what the URI does not say, variables of AWS do', () => {
  const variables = {
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-2',
    AWS_ENDPOINT_URL: 'http://all:1',
  };
  const found = locate('s3://b1', variables);
  assert.equal(found.region, 'eu-west-1');
  assert.equal(found.endpoint, 'http://all:1');
  const own = { ...variables, AWS_ENDPOINT_URL_S3: 'http://s3:2', AWS_REGION: '' };
  assert.equal(locate('s3://b1', own).endpoint, 'http://s3:2');
  assert.equal(locate('s3://b1', own).region, 'eu-west-2');
  assert.equal(locate('s3://b1?region=r1&endpoint=x', own).region, 'r1');
  assert.equal(locate('s3://b1?region=r1&endpoint=x', own).endpoint, 'https://x');
});

test('parts have sizes that S3 takes', () => {
  assert.deepEqual(
    locate('s3://b1?multipart-upload=false').upload.multipartThresholdBytes,
    undefined,
  );
  assert.deepEqual(
    locate('s3://b1?multipart-upload=true&buffer-size=5242880&multipart-threshold=7').upload,
    { multipartThresholdBytes: 7, partBytes: 5242880 },
  );
  assert.equal(
    locate('s3://b1?buffer-size=5242880&multipart-chunk-size=6000000').upload.partBytes,
    6000000,
  );
  refuses('s3://b1?buffer-size=5242879', /buffer-size=5242879 is not between/);
  refuses('s3://b1?multipart-chunk-size=5368709121', /multipart-chunk-size=5368709121 is not/);
  refuses('s3://b1?multipart-chunk-size=many', /not a whole number/);
  refuses('s3://b1?multipart-upload=maybe', /neither true nor false/);
});

test('what makes no sense is refused, and secrets in the wrong place are not repeated', () => {
  refuses('s3://AKIA:hunter2@bucket', /credentials in it/);
  refuses('s3://b', /does not name a bucket/);
  refuses('s3://bucket:9000', /does not name a bucket/);
  refuses('s3://b1?scheme=ftp', /scheme=ftp is neither/);
  refuses('s3://b1?region=a/b', /not the name of a region/);
  refuses('s3://b1?storage-class=x y', /storage class/);
  assert.equal(locate('s3://b1?storage-class=GLACIER_IR&profile=p').storageClass, 'GLACIER_IR');
  assert.ok(s3Parameters.includes('storage-class'));
});
