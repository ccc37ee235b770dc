import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { ConnectError, DeadHostError } from '../../system/http/connect-error.ts';
import { DeadHosts } from '../../system/http/dead-hosts.ts';
import { S3HttpHandler, type S3HttpOptions } from './s3-http-handler.ts';

interface Listening extends AsyncDisposable {
  readonly port: number;
}

async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<Listening> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const serve = (listener: RequestListener): Promise<Listening> => listen(createHttpServer(listener));

function handler(options: Partial<S3HttpOptions> = {}): S3HttpHandler & Disposable {
  const made = new S3HttpHandler({
    connectTimeoutMs: 5000,
    silenceMs: 5000,
    proxies: {},
    deadHosts: new DeadHosts(),
    ...options,
  });
  return Object.assign(made, { [Symbol.dispose]: () => made.destroy() });
}

function requestTo(port: number, more: object = {}): Parameters<S3HttpHandler['handle']>[0] {
  return {
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    method: 'GET',
    path: '/bucket/key',
    headers: {},
    ...more,
  };
}

test('queries are written as signatures have them', async () => {
  let seen = '';
  await using server = await serve((incoming, outgoing) => {
    seen = incoming.url ?? '';
    outgoing.end('ok');
  });
  using http = handler();
  const query = { uploads: null, prefix: "a b/*'", list: ['2', '1'] };
  const { response } = await http.handle(requestTo(server.port, { query }));
  assert.equal(seen, '/bucket/key?list=1&list=2&prefix=a%20b%2F%2A%27&uploads');
  assert.equal(Buffer.from(response.body as Uint8Array).toString(), 'ok');
});

test('an answer that is no object has a greatest length', async () => {
  await using server = await serve((_, outgoing) => {
    const more = (): void => {
      while (outgoing.write(Buffer.alloc(1024 * 1024)));
      outgoing.once('drain', more);
    };
    more();
  });
  using http = handler();
  await assert.rejects(http.handle(requestTo(server.port)), /it is too long/);
});

test('silence ends a request, before and within an answer', async () => {
  await using silent = await serve(() => {});
  await using half = await serve((_, outgoing) => void outgoing.write('half'));
  using http = handler({ silenceMs: 60 });
  await assert.rejects(http.handle(requestTo(silent.port)), { name: 'TimeoutError' });
  await assert.rejects(http.handle(requestTo(half.port)), { name: 'TimeoutError' });
  const object = { query: { 'x-id': 'GetObject' } };
  const { response } = await http.handle(requestTo(half.port, object));
  await assert.rejects(buffer(response.body as Readable), { name: 'TimeoutError' });
});

test('a large body is sent when the server wants it, and not when it says no', async () => {
  let received = 0;
  const server = createHttpServer((incoming, outgoing) => {
    incoming.on('data', (chunk: Uint8Array) => (received += chunk.length));
    incoming.on('end', () => outgoing.end());
  });
  server.on('checkContinue', (incoming, outgoing) => {
    if (incoming.url === '/no') outgoing.writeHead(403).end('<Error/>');
    else {
      outgoing.writeContinue();
      server.emit('request', incoming, outgoing);
    }
  });
  await using listening = await listen(server);
  using http = handler();
  const put = (path: string): Parameters<S3HttpHandler['handle']>[0] =>
    requestTo(listening.port, {
      method: 'PUT',
      path,
      headers: { 'content-length': '100000', Expect: '100-continue' },
      body: Readable.from([Buffer.alloc(100_000)]),
    });
  assert.equal((await http.handle(put('/no'))).response.statusCode, 403);
  assert.equal(received, 0);
  assert.equal((await http.handle(put('/yes'))).response.statusCode, 200);
  assert.equal(received, 100_000);
});

test('a body that cannot be read fails its request', async () => {
  await using server = await serve((incoming) => void incoming.resume());
  using http = handler();
  const body = new Readable({
    read(): void {
      this.destroy(new Error('unreadable'));
    },
  });
  const put = { method: 'PUT', headers: { 'content-length': '5' }, body };
  await assert.rejects(http.handle(requestTo(server.port, put)), /unreadable/);
});

test('what is not encrypted a proxy is asked for, with its credentials', async () => {
  let asked: unknown;
  await using proxy = await serve((incoming, outgoing) => {
    asked = [incoming.url, incoming.headers['proxy-authorization'], incoming.headers.host];
    outgoing.end('by proxy');
  });
  using http = handler({ proxies: { http: `http://me:hunter2@127.0.0.1:${proxy.port}` } });
  const headers = { host: 's3.example.org' };
  const request = { ...requestTo(80), hostname: 's3.example.org', headers };
  const { response } = await http.handle(request);
  const credentials = `Basic ${Buffer.from('me:hunter2').toString('base64')}`;
  assert.deepEqual(asked, ['http://s3.example.org:80/bucket/key', credentials, 's3.example.org']);
  assert.equal(Buffer.from(response.body as Uint8Array).toString(), 'by proxy');
});

test('a connection that does not come to stand is waited for once', async () => {
  let connections = 0;
  await using proxy = await listen(
    createTcpServer((socket) => {
      connections += 1;
      socket.on('error', () => {}).resume();
    }),
  );
  using http = handler({
    connectTimeoutMs: 150,
    proxies: { all: `socks5://127.0.0.1:${proxy.port}` },
  });
  const request = { ...requestTo(80), hostname: 's3.example.org' };
  await assert.rejects(http.handle(request), ConnectError);
  await assert.rejects(http.handle(request), DeadHostError);
  assert.equal(connections, 1);
});

test('connections are used again', async () => {
  const ports = new Set<unknown>();
  await using server = await serve((incoming, outgoing) => {
    ports.add(incoming.socket.remotePort);
    outgoing.end('ok');
  });
  using http = handler();
  for (let i = 0; i < 3; i += 1) await http.handle(requestTo(server.port));
  assert.equal(ports.size, 1);
});
