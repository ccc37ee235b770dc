import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { parseStoreUri } from '../../config/store-uri.ts';
import { DeadHosts } from '../../system/http/dead-hosts.ts';
import { openS3Objects, type S3Objects } from './s3-objects.ts';

/** Amazon, as far as a proxy that is asked for all of it sees it: the URLs of the requests. */
async function throughProxy(
  text: string,
  work: (objects: S3Objects) => Promise<unknown>,
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void = (_, outgoing) => {
    outgoing.writeHead(200, { 'Content-Length': 5 }).end();
  },
): Promise<string[]> {
  const seen: string[] = [];
  const proxy = createServer((incoming, outgoing) => {
    seen.push(incoming.url ?? '');
    answer(incoming, outgoing);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  assert.ok(address !== null && typeof address === 'object');
  const uri = parseStoreUri(text);
  assert.ok(uri.kind === 's3');
  const objects = openS3Objects({
    ...uri,
    variables: {
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      http_proxy: `http://127.0.0.1:${address.port}`,
    },
    attemptsMax: 1,
    deadHosts: new DeadHosts(),
  });
  try {
    await work(objects);
  } finally {
    await objects[Symbol.asyncDispose]();
    proxy.close();
    proxy.closeAllConnections();
  }
  return seen;
}

const headOf = (key: string) => (objects: S3Objects) => objects.head(key);

test('buckets at Amazon are part of the host name, but for those with dots', async () => {
  const url = async (uri: string): Promise<string> =>
    (await throughProxy(uri, headOf('x.narinfo'))).join(' ');
  assert.equal(
    await url('s3://my-cache?scheme=http'),
    'http://my-cache.s3.us-east-1.amazonaws.com/x.narinfo',
  );
  assert.equal(
    await url('s3://my-cache/a%20b?scheme=http&region=eu-west-1'),
    'http://my-cache.s3.eu-west-1.amazonaws.com/a%20b/x.narinfo',
  );
  assert.equal(
    await url('s3://my.cache?scheme=http&region=eu-west-1'),
    'http://s3.eu-west-1.amazonaws.com/my.cache/x.narinfo',
  );
  assert.equal(
    await url('s3://my-cache?endpoint=http://minio.example.org/below'),
    'http://minio.example.org/below/my-cache/x.narinfo',
  );
  assert.equal(
    await url('s3://my-cache?endpoint=http://minio.example.org&addressing-style=virtual'),
    'http://my-cache.minio.example.org/x.narinfo',
  );
});

test('a bucket is followed to its region once, also where that is another each time', async () => {
  const host = (url: string): string => new URL(url).hostname;
  const seen = await throughProxy(
    's3://my-cache?scheme=http',
    async (objects) => {
      await objects.head('a');
      await objects.head('b');
    },
    (incoming, outgoing) => {
      if (incoming.url?.includes('eu-west-1') === true) outgoing.writeHead(200).end();
      else outgoing.writeHead(301, { 'x-amz-bucket-region': 'eu-west-1' }).end();
    },
  );
  assert.deepEqual(seen.map(host), [
    'my-cache.s3.us-east-1.amazonaws.com',
    'my-cache.s3.eu-west-1.amazonaws.com',
    'my-cache.s3.eu-west-1.amazonaws.com',
  ]);
  let count = 0;
  const wandering = throughProxy(
    's3://my-cache?scheme=http',
    (objects) => objects.read('a', { bytesMax: 1 }),
    (_, outgoing) => {
      count += 1;
      outgoing.writeHead(301, { 'x-amz-bucket-region': `region-${count}` }).end();
    },
  );
  await assert.rejects(wandering, { code: 'usage' });
  assert.equal(count, 3);
});

test('what a server says of a region does not lead to another domain', async () => {
  const seen: string[] = [];
  const lost = throughProxy(
    's3://my-cache?scheme=http',
    (objects) => objects.read('a', { bytesMax: 1 }),
    (incoming, outgoing) => {
      seen.push(incoming.url ?? '');
      outgoing.writeHead(301, { 'x-amz-bucket-region': 'evil.example.org/' }).end();
    },
  );
  await assert.rejects(lost, { code: 'protocol' });
  assert.equal(seen.length, 1);
});
