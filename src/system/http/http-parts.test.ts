/** The parts of the HTTP client that need no connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, asyncProperty, uint8Array } from 'fast-check';
import { isFerryError, type FerryError } from '../../error.ts';
import { BodyQueue, type BodySource } from './body-queue.ts';
import { isCertificateError, mayPass, printable, reasonOf } from './connect-error.ts';
import { DeadHosts } from './dead-hosts.ts';
import { decodeContent, encodingsOf } from './content-encoding.ts';
import { parseHttpUrl, printUrl, splitCredentials } from './http-url.ts';
import { proxyOf, proxyRulesOf } from './proxy-rules.ts';
import { RateLimit } from './rate-limit.ts';
import { canBeSame, ifRangeOf, representationOf } from './representation.ts';
import { isRefusalForNow, parseRetryAfter } from './retry.ts';
import { deflateRawSync, deflateSync } from 'node:zlib';

const headersOf = (headers: Record<string, string>): Map<string, string> =>
  new Map(Object.entries(headers));

test('a URL is printed without its password and its query', () => {
  const url = parseHttpUrl('https://alice:s3cret@host:8443/a/b?X-Amz-Signature=1#f');
  assert.equal(printUrl(url), 'https://host:8443/a/b?…');
  const { url: bare, credentials } = splitCredentials(url);
  assert.equal(bare.href, 'https://host:8443/a/b?X-Amz-Signature=1#f');
  assert.deepEqual(credentials, { user: 'alice', password: 's3cret' });
});

for (const text of [
  '',
  'host',
  'ftp://a:s3cret@b',
  '//a:s3cret@',
  'https://u:%zz@h',
  'x'.repeat(20_000),
]) {
  test(`${JSON.stringify(text.slice(0, 30))} is refused without its secrets`, () => {
    assert.throws(
      () => splitCredentials(parseHttpUrl(text)),
      (error) => isFerryError(error, 'usage') && !/s3cret|zz/.test((error as FerryError).message),
    );
  });
}

test('Retry-After is seconds or a date, and nothing else', () => {
  const now = Date.UTC(2026, 0, 1);
  assert.equal(parseRetryAfter('120', now), 120_000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
  assert.equal(parseRetryAfter('Wed, 31 Dec 2025 00:00:30 GMT', now), 0);
  for (const text of [undefined, '', '-1', 'soon', '1e9', '99999999999']) {
    assert.equal(parseRetryAfter(text, now), 0, String(text));
  }
});

test('the statuses that are tried again are those of Nix', () => {
  const again = [408, 429, 500, 502, 503, 504, 520, 599];
  const not = [200, 304, 400, 401, 403, 404, 410, 501, 505, 507, 511];
  assert.deepEqual(again.filter(isRefusalForNow), again);
  assert.deepEqual(not.filter(isRefusalForNow), []);
});

test('a part says which it is', () => {
  const part = representationOf(206, headersOf({ 'content-range': 'bytes 5-9/20', etag: '"a"' }));
  assert.deepEqual([part.start, part.size], [5, 20]);
  assert.equal(
    representationOf(206, headersOf({ 'content-range': 'bytes 5-9/*' })).size,
    undefined,
  );
  for (const range of ['', 'bytes 5-4/20', 'bytes */20', 'bytes 5-9', 'items 5-9/20']) {
    assert.throws(() => representationOf(206, headersOf({ 'content-range': range })), /which/);
  }
  const wrong = { 'content-range': 'bytes 5-9/20', 'content-length': '6' };
  assert.throws(() => representationOf(206, headersOf(wrong)), /which/);
});

test('representations are the same if something says so and nothing speaks against it', () => {
  const of = (headers: Record<string, string>): ReturnType<typeof representationOf> =>
    representationOf(200, headersOf(headers));
  assert.ok(canBeSame(of({ etag: '"a"' }), of({ etag: 'W/"a"' })));
  assert.ok(canBeSame(of({ 'content-length': '5' }), of({ 'content-length': '5', etag: '"a"' })));
  assert.ok(!canBeSame(of({ etag: '"a"' }), of({ etag: '"b"' })));
  assert.ok(
    !canBeSame(
      of({ etag: '"a"', 'content-length': '5' }),
      of({ etag: '"a"', 'content-length': '6' }),
    ),
  );
  assert.ok(!canBeSame(of({}), of({})));
  assert.ok(!canBeSame(of({ etag: '"a"' }), of({ 'last-modified': 'x' })));
  assert.ok(!canBeSame(of({ etag: '"a"', 'content-encoding': 'br' }), of({ etag: '"a"' })));
  assert.equal(ifRangeOf(of({ etag: 'W/"a"', 'last-modified': 'then' })), 'then');
  assert.equal(ifRangeOf(of({ etag: '"a"', 'last-modified': 'then' })), '"a"');
});

test('proxies come from variables in either case', () => {
  const rules = proxyRulesOf({ HTTPS_PROXY: 'http://p:1', http_proxy: 'q', no_proxy: 'x' });
  assert.deepEqual(rules, { http: 'q', https: 'http://p:1', all: undefined, no: 'x' });
  const https = proxyOf(new URL('https://host/'), rules);
  assert.deepEqual([https?.kind, https?.host, https?.port], ['http', 'p', 1]);
  const http = proxyOf(new URL('http://host/'), rules);
  assert.deepEqual([http?.kind, http?.host, http?.port, http?.name], ['http', 'q', 80, 'q:80']);
  const secret = proxyOf(new URL('http://host/'), { all: 'socks5h://a:b@[::1]:9' });
  assert.deepEqual(secret?.credentials, { user: 'a', password: 'b' });
  assert.deepEqual([secret?.kind, secret?.host, secret?.name], ['socks5', '::1', '[::1]:9']);
  assert.equal(proxyOf(new URL('http://host/'), {}), undefined);
  for (const all of ['ftp://secret', 'http://', 'quic://secret:1']) {
    assert.throws(
      () => proxyOf(new URL('http://host/'), { all }),
      (error) => isFerryError(error, 'usage') && !/secret/.test((error as FerryError).message),
    );
  }
});

for (const [no, url, isDirect] of [
  ['*', 'http://anything/', true],
  ['example.org', 'http://example.org/', true],
  ['example.org', 'http://EXAMPLE.org./', true],
  ['example.org', 'http://cache.example.org/', true],
  ['.example.org', 'http://cache.example.org/', true],
  ['*.example.org', 'http://cache.example.org/', true],
  ['example.org', 'http://notexample.org/', false],
  ['example.org:8080', 'http://example.org:8080/', true],
  ['example.org:8080', 'http://example.org/', false],
  ['a, b c', 'http://c/', true],
  ['10.0.0.0/8', 'http://10.1.2.3/', true],
  ['10.0.0.0/8', 'http://11.1.2.3/', false],
  ['10.0.0.0/99', 'http://10.1.2.3/', false],
  ['10.1.2.3', 'http://10.1.2.3:99/', true],
  ['1.2.3', 'http://0.1.2.3/', false],
  ['fe80::/16', 'http://[fe80::1]/', true],
  ['[::1]', 'http://[::1]/', true],
  ['::1', 'http://[::1]/', true],
  ['', 'http://host/', false],
  ['.', 'http://host/', false],
] as const) {
  test(`no_proxy "${no}" ${isDirect ? 'has' : 'does not have'} ${url}`, () => {
    assert.equal(proxyOf(new URL(url), { all: 'p', no }) === undefined, isDirect);
  });
}

test('errors of sockets are told in words, and judged', () => {
  const coded = (code: string, message = 'x'): Error => Object.assign(new Error(message), { code });
  assert.equal(reasonOf(coded('ECONNREFUSED')), 'connection refused');
  assert.equal(reasonOf(new AggregateError([coded('ENETUNREACH')])), 'the network is unreachable');
  assert.equal(reasonOf(coded('HPE_INVALID_CONSTANT')), 'what it answered is not HTTP');
  assert.equal(
    reasonOf(coded('ERR_SSL_WRONG_VERSION_NUMBER')),
    'TLS failed (wrong version number)',
  );
  assert.equal(reasonOf(new Error('a\x1b[31m\nb')), 'a [31m b');
  assert.ok(printable('x'.repeat(1000)).length < 250);
  assert.ok(mayPass(coded('ECONNRESET')) && mayPass(coded('UND_ERR_SOCKET')));
  assert.ok(!mayPass(coded('UND_ERR_INVALID_ARG')) && !mayPass(new TypeError('a bug')));
  assert.ok(isCertificateError(coded('DEPTH_ZERO_SELF_SIGNED_CERT')));
  assert.ok(isCertificateError(coded('CERT_HAS_EXPIRED')));
  assert.ok(!isCertificateError(coded('ECONNRESET')));
});

test('dead hosts are remembered for a while, and not too many', async () => {
  const hosts = new DeadHosts(20);
  hosts.add('a', { reason: 'r' });
  assert.equal(hosts.deathOf('a')?.reason, 'r');
  hosts.delete('a');
  assert.equal(hosts.deathOf('a'), undefined);
  for (let i = 0; i <= 1000; i += 1) hosts.add(`h${i}`, { reason: 'r' });
  assert.equal(hosts.deathOf('h0'), undefined);
  assert.ok(hosts.deathOf('h1000'));
  await new Promise((resolve) => setTimeout(resolve, 25));
  assert.equal(hosts.deathOf('h1000'), undefined);
});

test('a rate limit makes bytes wait, and an abort ends that', async () => {
  const limit = new RateLimit(1_000_000);
  const start = performance.now();
  await limit.take(200_000);
  await limit.take(20_000);
  assert.ok(performance.now() - start >= 15);
  const stop = new AbortController();
  const waiting = limit.take(1e9, stop.signal);
  stop.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
});

function sourceLog(): BodySource & { log: string[] } {
  const log: string[] = [];
  return {
    log,
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
    cancel: () => log.push('cancel'),
  };
}

test('a body comes out as it went in, whatever the chunks', async () => {
  await check(
    asyncProperty(array(uint8Array({ maxLength: 5000 })), async (chunks) => {
      const queue = new BodyQueue(sourceLog());
      const reading = Array.fromAsync(queue);
      for (const [i, chunk] of chunks.entries()) {
        queue.push(chunk);
        if (i % 3 === 0) await Promise.resolve();
      }
      queue.end();
      assert.deepEqual(Buffer.concat(await reading), Buffer.concat(chunks));
    }),
    { numRuns: 50 },
  );
});

test('a chunk is the reader’s own, also where it was part of other memory', async () => {
  const memory = new Uint8Array(100).fill(1);
  const queue = new BodyQueue(sourceLog());
  queue.push(memory.subarray(10, 20));
  memory.fill(2);
  queue.end();
  const [chunk] = await Array.fromAsync(queue);
  assert.equal(chunk?.buffer.byteLength, 10);
  assert.ok(chunk?.every((byte) => byte === 1));
});

test('a slow reader pauses the socket, and a failure comes after what was there', async () => {
  const source = sourceLog();
  const queue = new BodyQueue(source);
  for (let i = 0; i < 10; i += 1) queue.push(new Uint8Array(100_000));
  assert.deepEqual(source.log, ['pause']);
  queue.fail(new Error('lost'));
  let bytes = 0;
  const drain = async (): Promise<void> => {
    for await (const chunk of queue) bytes += chunk.length;
  };
  await assert.rejects(drain(), /lost/);
  assert.equal(bytes, 1_000_000);
  assert.equal(source.log.at(-1), 'resume');
});

test('whoever stops reading lets go of the connection, once', async () => {
  const source = sourceLog();
  const queue = new BodyQueue(source);
  queue.push(new Uint8Array(5));
  for await (const _chunk of queue) break;
  queue.cancel();
  assert.deepEqual(source.log, ['cancel']);
});

async function decode(header: string, bytes: Uint8Array, bytesMax?: number): Promise<string> {
  const source = (async function* source() {
    for (const byte of bytes) yield Uint8Array.of(byte);
  })();
  const decoded = decodeContent(header, source, { name: 'x', bytesMax });
  return Buffer.concat(await Array.fromAsync(decoded)).toString();
}

test('deflate is undone with the header of zlib and without', async () => {
  const text = 'narinfo '.repeat(100);
  assert.equal(await decode('deflate', deflateSync(text)), text);
  assert.equal(await decode('Deflate', deflateRawSync(text)), text);
  await assert.rejects(decode('deflate', deflateSync(text), 100), /more than 100 bytes/);
  await assert.rejects(decode('deflate', deflateSync(text).subarray(0, 8)), /cannot decompress/);
  await assert.rejects(decode('deflate', Buffer.from('x\x9cnonsense')), /cannot decompress/);
  await assert.rejects(decode('deflate', new Uint8Array(0)), /empty/);
});

test('encodings that change nothing are passed over, unknown ones refused', async () => {
  assert.deepEqual(encodingsOf('identity, aws-chunked, gzip'), ['gzip']);
  assert.equal(await decode('aws-chunked', Buffer.from('text')), 'text');
  for (const header of ['constructor', 'lzma', 'gzip, gzip, gzip']) {
    await assert.rejects(decode(header, Buffer.from('text')), (error) =>
      isFerryError(error, 'unsupported'),
    );
  }
});
