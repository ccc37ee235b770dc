/** To whom passwords are told, whose certificates are accepted, and by way of whom servers are asked. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseNetrc } from '../../src/config/netrc.ts';
import { isFerryError, messageOf, type ErrorCode, type FerryError } from '../../src/error.ts';
import { openHttpObjects, type HttpObjectsOptions } from '../../src/store/cache/http-objects.ts';
import type { Objects } from '../../src/store/cache/objects.ts';
import { DeadHosts } from '../../src/system/http/dead-hosts.ts';
import type { HttpOptions } from '../../src/system/http/http-types.ts';
import { makeAuthority, type Authority } from '../support/certificates.ts';
import { startHttpProxy, startSocksProxy } from '../support/http-proxy.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';
import { peerTest } from '../support/peers.ts';
import { makeTempDirectory } from '../support/temp.ts';

const AUTH = 'alice:pass word/1';
const AUTH_IN_URL = 'alice:pass%20word%2F1';
const NETRC = 'machine 127.0.0.1 login alice password "pass word/1"';

const temp = makeTempDirectory();
let authority: Authority | undefined;
before(async () => {
  authority = await makeAuthority(temp.join('ca')).catch(() => undefined);
});
after(() => temp[Symbol.dispose]());

function certificates(): Authority {
  assert.ok(authority, 'openssl made certificates');
  return authority;
}

async function openAt(
  url: string,
  http: HttpOptions = {},
  netrc?: string,
): Promise<Objects & { said: string[] }> {
  const said: string[] = [];
  const options: HttpObjectsOptions = {
    url,
    http: {
      stallTimeoutMs: 2000,
      connectTimeoutMs: 2000,
      retries: { attempts: 2, delayMs: 5 },
      onDiagnostic: (line) => said.push(line),
      deadHosts: new DeadHosts(),
      ...http,
    },
    ...(netrc === undefined ? {} : { readNetrc: () => ({ entries: parseNetrc(netrc, 'netrc') }) }),
  };
  return Object.assign(await openHttpObjects(options), { said });
}

async function read(objects: Objects, key = 'x'): Promise<string | undefined> {
  const bytes = await objects.read(key, { bytesMax: 1000 });
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

async function readAll(objects: Objects, reference: string): Promise<string> {
  const body = await objects.get(reference);
  assert.ok(body);
  return Buffer.concat(await Array.fromAsync(body.bytes)).toString();
}

async function failure(promise: Promise<unknown>, code: ErrorCode): Promise<FerryError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(isFerryError(error), messageOf(error));
  assert.equal(error.code, code, error.message);
  return error;
}

async function serverWith(options?: Parameters<typeof startHttpServer>[0]): Promise<HttpServer> {
  const server = await startHttpServer(options);
  server.objects.set('x', Buffer.from('contents'));
  server.objects.set('big', Buffer.alloc(400_000, 'b'));
  return server;
}

function authorizations(server: HttpServer): (string | undefined)[] {
  return server.seen.map(({ headers }) => headers['authorization'] as string | undefined);
}

test('the password of the URL is sent, and is nowhere to be seen', async () => {
  await using server = await serverWith({ auth: AUTH });
  server.fail({ status: 500, times: 1 });
  await using objects = await openAt(server.origin.replace('//', `//${AUTH_IN_URL}@`));
  assert.equal(await read(objects), 'contents');
  assert.equal(objects.uri, server.origin);
  assert.equal(objects.said.length, 1);
  server.fail({ status: 500 });
  const { message } = await failure(read(objects), 'unavailable');
  for (const text of [message, ...objects.said]) assert.doesNotMatch(text, /alice|pass|word/);
});

test('netrc has passwords for hosts, and the URL wins', async () => {
  await using server = await serverWith({ auth: AUTH });
  await using objects = await openAt(server.origin, {}, NETRC);
  assert.equal(await read(objects), 'contents');
  await using withUser = await openAt(server.origin.replace('//', '//alice@'), {}, NETRC);
  assert.equal(await read(withUser), 'contents');
  await using wrong = await openAt(server.origin.replace('//', '//alice:wrong@'), {}, NETRC);
  await failure(read(wrong), 'denied');
});

test('401 is told with what helps', async () => {
  await using server = await serverWith({ auth: AUTH });
  await using objects = await openAt(server.origin);
  const error = await failure(read(objects), 'denied');
  assert.match(error.hint ?? '', /netrc-file/);
  assert.equal(server.seen.length, 1);
});

test('a redirect within the server keeps the password', async () => {
  await using server = await serverWith({ auth: AUTH });
  server.fail({ path: /^from/, status: 302, headers: { location: '/x' } });
  server.fail({ path: /^old/, status: 307, headers: { location: 'x?token=1' } });
  await using objects = await openAt(server.origin, {}, NETRC);
  assert.equal(await read(objects, 'from'), 'contents');
  assert.equal(await readAll(objects, 'old'), 'contents');
  assert.equal(authorizations(server).filter((value) => value === undefined).length, 0);
});

test('a redirect to another server loses the password of the URL, and that of default', async () => {
  await using server = await serverWith({ auth: AUTH });
  await using other = await serverWith();
  server.fail({ status: 302, headers: { location: `${other.origin}/x?signature=secret` } });
  const withUser = server.origin.replace('//', `//${AUTH_IN_URL}@`);
  await using objects = await openAt(withUser, {}, `default login alice password "pass word/1"`);
  assert.equal(await read(objects), 'contents');
  assert.deepEqual(authorizations(other), [undefined]);
  assert.equal(other.seen[0]?.path, 'x?signature=secret');
});

test('an upload follows a redirect with its body', async () => {
  await using server = await serverWith();
  await using other = await serverWith();
  server.fail({ method: 'PUT', status: 307, headers: { location: `${other.origin}/y` } });
  server.objects.set('y', Buffer.from('text'));
  await using objects = await openAt(server.origin);
  await objects.put('y', Buffer.from('text'), { contentType: 'text/plain' });
  assert.equal(Buffer.from(other.objects.get('y') ?? []).toString(), 'text');
});

test('redirects end', async () => {
  await using server = await serverWith();
  server.fail({ status: 301, headers: { location: '/again' } });
  await using objects = await openAt(server.origin);
  const error = await failure(read(objects), 'protocol');
  assert.match(error.message, /more than 10 redirects/);
  assert.equal(server.seen.length, 11);
});

for (const location of ['file:///etc/passwd', 'ftp://host/x', 'http://', '//', 'javascript:x']) {
  test(`a redirect to "${location}" is not followed`, async () => {
    await using server = await serverWith();
    server.fail({ status: 302, headers: { location }, times: 1 });
    await using objects = await openAt(server.origin);
    await assert.rejects(read(objects), (error) => isFerryError(error));
    assert.equal(server.seen.length, 1);
  });
}

test('a NAR on another server is fetched without our password', async () => {
  await using server = await serverWith({ auth: AUTH });
  await using other = await serverWith();
  await using objects = await openAt(
    server.origin.replace('//', `//${AUTH_IN_URL}@`),
    {},
    `default login alice password x`,
  );
  assert.equal(await readAll(objects, `${other.origin}/x?a=b`), 'contents');
  assert.deepEqual(authorizations(other), [undefined]);
  assert.equal(await readAll(objects, 'x?a=b'), 'contents');
  assert.equal(server.seen[0]?.path, 'x?a=b');
});

for (const reference of ['', 'file:///x', 'ssh://host/x', 'a b', 'http://', 'x\n', '\0']) {
  test(`${JSON.stringify(reference)} is no reference`, async () => {
    await using server = await serverWith();
    await using objects = await openAt(server.origin);
    await failure(objects.get(reference), 'corrupt');
    assert.equal(server.seen.length, 0);
  });
}

test('keys are escaped, and stay inside of the cache', async () => {
  await using server = await serverWith();
  server.objects.set('cache/log/a%3Fb+c=d.drv', Buffer.from('log'));
  await using objects = await openAt(`${server.origin}/cache`);
  assert.equal(await read(objects, 'log/a?b+c=d.drv'), 'log');
  assert.equal(objects.uri, `${server.origin}/cache`);
  await failure(read(objects, '../x'), 'corrupt');
  await failure(read(objects, '/x'), 'corrupt');
});

peerTest(
  'a certificate is accepted if ssl-cert-file has its authority',
  { programs: ['openssl'] },
  async () => {
    const { server: pair, caFile } = certificates();
    await using server = await serverWith({ tls: pair });
    await using trusting = await openAt(server.origin, { tls: { caFile } });
    assert.equal(await read(trusting), 'contents');
    await using objects = await openAt(server.origin);
    const error = await failure(read(objects), 'unavailable');
    assert.match(error.message, /certificate is not accepted/);
    assert.match(error.hint ?? '', /NIX_SSL_CERT_FILE/);
    assert.deepEqual(objects.said, [], 'nothing was tried again');
    assert.equal(server.seen.length, 1);
  },
);

peerTest('a certificate for another name is refused', { programs: ['openssl'] }, async () => {
  const { client, caFile } = certificates();
  await using server = await serverWith({ tls: client });
  await using objects = await openAt(server.origin, { tls: { caFile } });
  await failure(read(objects), 'unavailable');
  assert.equal(server.seen.length, 0);
});

peerTest(
  'we show a certificate to the cache that wants it, and to no other',
  { programs: ['openssl'] },
  async () => {
    const { server: pair, client, caFile, ca } = certificates();
    await using server = await serverWith({ tls: { ...pair, ca } });
    await using other = await serverWith({ tls: { ...pair, ca } });
    const tls = { caFile, client: { ...client, origin: server.origin } };
    await using objects = await openAt(server.origin, { tls });
    assert.equal(await read(objects), 'contents');
    await using without = await openAt(server.origin, { tls: { caFile } });
    await failure(read(without), 'unavailable');
    await failure(objects.get(`${other.origin}/x`), 'unavailable');
    assert.equal(other.seen.length, 0);
  },
);

test('files of certificates that can’t be used are told, and nothing of them', async () => {
  await using objects = await openAt('https://127.0.0.1:1', { tls: { caFile: '/nonexistent/ca' } });
  await failure(read(objects), 'not-found');
  await using other = await openAt('https://127.0.0.1:1', {
    tls: { caFile: import.meta.filename },
  });
  await failure(read(other), 'corrupt');
});

peerTest(
  'a redirect from https to http gets no password at all',
  { programs: ['openssl'] },
  async () => {
    const { server: pair, caFile } = certificates();
    await using server = await serverWith({ tls: pair, auth: AUTH });
    await using plain = await serverWith();
    server.fail({ status: 302, headers: { location: `${plain.origin}/x` } });
    await using objects = await openAt(server.origin, { tls: { caFile } }, NETRC);
    assert.equal(await read(objects), 'contents');
    assert.deepEqual(authorizations(plain), [undefined]);
    assert.equal(await readAll(objects, `${plain.origin}/x`), 'contents');
    assert.deepEqual(authorizations(plain), [undefined, undefined]);
  },
);

peerTest(
  'HTTP/2 is spoken where it is offered, on one connection',
  { programs: ['openssl'] },
  async () => {
    const { server: pair, caFile } = certificates();
    await using server = await serverWith({ tls: pair, http2: true, auth: AUTH });
    await using objects = await openAt(server.origin, { tls: { caFile } }, NETRC);
    const answers = await Promise.all(Array.from({ length: 90 }, () => read(objects)));
    assert.deepEqual(new Set(answers), new Set(['contents']));
    assert.equal((await readAll(objects, 'big')).length, 400_000);
    await objects.put('y', Buffer.alloc(300_000), { contentType: 'text/plain' });
    assert.equal(server.objects.get('y')?.length, 300_000);
    assert.equal(await objects.get('none'), undefined);
    const versions = server.seen.map(({ method, version }) => `${method} ${version}`);
    // An upload that is given up must not be one of HTTP/2: see `ServerTable.reach`.
    assert.deepEqual([...new Set(versions)].sort(), ['GET 2.0', 'HEAD 2.0', 'PUT 1.1']);
    assert.ok(server.connections() <= 5, `${server.connections()} connections`);
    await using old = await openAt(server.origin, { tls: { caFile }, http2: false }, NETRC);
    assert.equal(await read(old), 'contents');
    assert.equal(server.seen.at(-1)?.version, '1.1');
  },
);

peerTest(
  'over HTTP/2 a transfer that breaks goes on, and one that stalls ends',
  { programs: ['openssl'] },
  async () => {
    const { server: pair, caFile } = certificates();
    await using server = await serverWith({ tls: pair, http2: true });
    server.fail({ path: /^big/, resetAfter: 100_000, times: 1 });
    await using objects = await openAt(server.origin, { tls: { caFile }, stallTimeoutMs: 500 });
    assert.equal((await readAll(objects, 'big')).length, 400_000);
    server.heal();
    server.fail({ path: /^big/, stallAfter: 100_000 });
    await failure(readAll(objects, 'big'), 'unavailable');
  },
);

peerTest(
  'over HTTP/2 what broke after its last byte is whole',
  { programs: ['openssl'] },
  async () => {
    const { server: pair, caFile } = certificates();
    await using server = await serverWith({ tls: pair, http2: true });
    server.fail({ path: /^big/, resetAfter: 400_000, times: 1 });
    await using objects = await openAt(server.origin, { tls: { caFile } });
    assert.equal((await readAll(objects, 'big')).length, 400_000);
    assert.equal(server.seen.length, 1);
  },
);

peerTest(
  'an upload that is given up at its very end leaves nothing running',
  { programs: ['openssl'] },
  async () => {
    const { server: pair, caFile } = certificates();
    await using server = await serverWith({ tls: pair, http2: true });
    server.fail({ method: 'PUT', stallAfter: -1 });
    await using objects = await openAt(server.origin, { tls: { caFile }, stallTimeoutMs: 300 });
    const put = (signal?: AbortSignal): Promise<void> =>
      objects.put('y', Buffer.alloc(200_000), { contentType: 'text/plain', signal });
    const stop = new AbortController();
    const reason = new Error('enough');
    const aborted = assert.rejects(put(stop.signal), reason);
    setTimeout(() => stop.abort(reason), 100);
    await failure(put(), 'unavailable');
    await aborted;
    // Were Node sending frames without end, nothing would come of this.
    await using others = await openAt(server.origin, { tls: { caFile } });
    assert.equal(await read(others), 'contents');
  },
);

for (const via of ['http', 'https'] as const) {
  peerTest(`an HTTP proxy is asked for ${via} URLs`, { programs: ['openssl'] }, async () => {
    const { server: pair, caFile } = certificates();
    await using server = await serverWith(
      via === 'https' ? { tls: pair, auth: AUTH } : { auth: AUTH },
    );
    await using proxy = await startHttpProxy({ auth: 'bob:secret' });
    const url = `http://bob:secret@127.0.0.1:${proxy.port}`;
    await using objects = await openAt(
      server.origin,
      { proxies: { [via]: url }, tls: { caFile } },
      NETRC,
    );
    assert.equal(await read(objects), 'contents');
    assert.equal((await readAll(objects, 'big')).length, 400_000);
    const host = server.origin.replace('https://', '');
    assert.equal(proxy.asked[0], via === 'http' ? `${server.origin}/x` : host);
    assert.ok(server.seen.every(({ headers }) => headers['proxy-authorization'] === undefined));
    await using direct = await openAt(
      server.origin,
      { proxies: { all: url, no: '127.0.0.0/8' }, tls: { caFile } },
      NETRC,
    );
    const before = proxy.asked.length;
    assert.equal(await read(direct), 'contents');
    assert.equal(proxy.asked.length, before);
  });
}

test('a proxy that wants other credentials says so, without ours in the message', async () => {
  await using server = await serverWith();
  await using proxy = await startHttpProxy({ auth: 'bob:secret' });
  const url = `http://bob:hunter2@127.0.0.1:${proxy.port}`;
  await using objects = await openAt('https://127.0.0.1:9', { proxies: { all: url } });
  const error = await failure(read(objects), 'unavailable');
  assert.match(error.message, /wants other credentials \(407\)/);
  assert.doesNotMatch(`${error.message} ${error.hint}`, /hunter2|bob/);
  await using plain = await openAt(server.origin, { proxies: { all: url } });
  await failure(read(plain), 'denied');
});

peerTest('a SOCKS proxy is asked', { programs: ['openssl'] }, async () => {
  const { server: pair, caFile } = certificates();
  await using server = await serverWith({ tls: pair });
  await using proxy = await startSocksProxy({ auth: 'bob:secret' });
  const all = `socks5h://bob:secret@127.0.0.1:${proxy.port}`;
  await using objects = await openAt(server.origin, { proxies: { all }, tls: { caFile } });
  assert.equal(await read(objects), 'contents');
  assert.deepEqual([...new Set(proxy.asked)], [`127.0.0.1:${server.port}`]);
  const wrong = `socks5://bob:hunter2@127.0.0.1:${proxy.port}`;
  await using refused = await openAt(server.origin, { proxies: { all: wrong }, tls: { caFile } });
  assert.match((await failure(read(refused), 'unavailable')).message, /wrong user or password/);
});

test('a proxy that isn’t there is named', async () => {
  await using objects = await openAt('https://127.0.0.1:9', { proxies: { all: '127.0.0.1:1' } });
  const { message } = await failure(read(objects), 'unavailable');
  assert.match(message, /connection refused \(by way of the proxy 127\.0\.0\.1:1\)/);
});
