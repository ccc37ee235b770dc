import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { test } from 'node:test';
import { reachPort, reachUrl } from './reach.ts';

async function listening(server: Server): Promise<{ port: number } & AsyncDisposable> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const web = (status: number): Promise<{ port: number } & AsyncDisposable> =>
  listening(createHttpServer((_, response) => response.writeHead(status).end('ok')));

const soon = { timeoutMs: 5000 };

test('a port that accepts is reached, one that nobody listens on is not', async () => {
  let port: number;
  {
    await using server = await listening(createServer((socket) => socket.end()));
    ({ port } = server);
    await reachPort('127.0.0.1', port, soon);
  }
  await assert.rejects(reachPort('127.0.0.1', port, soon), {
    code: 'unavailable',
    message: `cannot connect to port ${port} of "127.0.0.1": ECONNREFUSED`,
  });
});

test('an answer is well from 200 to 399', async () => {
  for (const status of [200, 204, 302]) {
    await using server = await web(status);
    await reachUrl(`http://127.0.0.1:${server.port}/`, soon);
  }
  for (const status of [404, 503]) {
    await using server = await web(status);
    await assert.rejects(reachUrl(`http://me:secret@127.0.0.1:${server.port}/x`, soon), (error) => {
      assert.ok(error instanceof Error);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    await assert.rejects(reachUrl(`http://127.0.0.1:${server.port}/x`, soon), {
      code: 'unavailable',
      message: `"http://127.0.0.1:${server.port}/x" answers with status ${status}`,
    });
  }
});

test('name and password of a URL are sent in a header', async () => {
  const seen: (string | undefined)[] = [];
  await using server = await listening(
    createHttpServer(({ headers }, response) => {
      seen.push(headers.authorization);
      response.end();
    }),
  );
  await reachUrl(`http://me:p%40ss@127.0.0.1:${server.port}/`, soon);
  assert.deepEqual(seen, [`Basic ${Buffer.from('me:p@ss').toString('base64')}`]);
});

test('who does not answer is not waited for longer than said', async () => {
  await using server = await listening(
    createServer((socket) => socket.on('error', () => {}).resume()),
  );
  const url = `http://127.0.0.1:${server.port}/`;
  await assert.rejects(reachUrl(url, { timeoutMs: 50 }), {
    message: `"${url}" did not answer within 0.05 s`,
  });
});

test('aborted, it rejects with the reason', async () => {
  await using server = await listening(
    createServer((socket) => socket.on('error', () => {}).resume()),
  );
  const abort = new AbortController();
  const asking = reachUrl(`http://127.0.0.1:${server.port}/`, { ...soon, signal: abort.signal });
  abort.abort(new Error('enough'));
  await assert.rejects(asking, { message: 'enough' });
  await assert.rejects(reachPort('127.0.0.1', server.port, { ...soon, signal: abort.signal }), {
    message: 'enough',
  });
});

test('what is no address of the web is refused', async () => {
  for (const url of ['', 'localhost:80', 'file:///etc/passwd']) {
    await assert.rejects(reachUrl(url, soon), { code: 'usage' }, url);
  }
});
