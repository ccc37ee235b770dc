/** What servers, links and proxies do wrong, one test for each: over loopback, against a server with switches. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { isFerryError, type ErrorCode, type FerryError } from '../../src/error.ts';
import { openHttpObjects, type HttpObjectsOptions } from '../../src/store/cache/http-objects.ts';
import type { Objects } from '../../src/store/cache/objects.ts';
import { DeadHosts } from '../../src/system/http/dead-hosts.ts';
import type { HttpOptions } from '../../src/system/http/http-types.ts';
import { startHttpServer, type HttpServer } from '../support/http-server.ts';

const LARGE_BYTES = 3 * 1024 * 1024;
const large = Buffer.alloc(LARGE_BYTES);
for (let at = 0; at < LARGE_BYTES; at += 4) large.writeUInt32LE((at * 2654435761) >>> 0, at);

interface Opened {
  readonly objects: Objects & AsyncDisposable;
  readonly said: string[];
}

async function openAt(
  origin: string,
  http: HttpOptions = {},
  more: Partial<HttpObjectsOptions> = {},
): Promise<Opened> {
  const said: string[] = [];
  const objects = await openHttpObjects({
    url: origin,
    http: {
      stallTimeoutMs: 400,
      connectTimeoutMs: 400,
      retries: { attempts: 3, delayMs: 5, rateLimitedDelayMs: 5 },
      onDiagnostic: (line) => said.push(line),
      deadHosts: new DeadHosts(),
      ...http,
    },
    ...more,
  });
  return { objects, said };
}

async function readAll(objects: Objects, reference: string): Promise<Buffer> {
  const found = await objects.get(reference);
  assert.ok(found, `"${reference}" is there`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of found.bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function read(objects: Objects, key: string): Promise<string | undefined> {
  const bytes = await objects.read(key, { bytesMax: 100_000 });
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

async function failure(promise: Promise<unknown>, code: ErrorCode): Promise<FerryError> {
  let caught: FerryError | undefined;
  await assert.rejects(promise, (error) => {
    assert.ok(isFerryError(error), String(error));
    assert.equal(error.code, code, error.message);
    caught = error;
    return true;
  });
  assert.ok(caught);
  return caught;
}

async function withLarge(options?: Parameters<typeof startHttpServer>[0]): Promise<HttpServer> {
  const server = await startHttpServer(options);
  server.objects.set('nar/x', large);
  server.objects.set('a.narinfo', Buffer.from('StorePath: x\n'));
  return server;
}

const gets = (server: HttpServer): string[] =>
  server.seen.map(({ method, path, headers }) =>
    [method, path, headers['range']].filter((part) => part !== undefined).join(' '),
  );

test('a transfer that is reset goes on where it stopped', async () => {
  await using server = await withLarge();
  server.fail({ path: /^nar/, resetAfter: 1_000_000, times: 2 });
  const { objects, said } = await openAt(server.origin);
  await using _ = objects;
  assert.ok((await readAll(objects, 'nar/x')).equals(large));
  assert.equal(server.seen.length, 3);
  assert.match(gets(server)[1] ?? '', /^GET nar\/x bytes=\d+-$/);
  assert.match(String(server.seen[1]?.headers['if-range']), /^"/);
  assert.equal(said.length, 2);
  assert.match(said[0] ?? '', /^warning: cannot fetch "http:.*nar\/x": .*; attempt 2 of 3 in /);
});

test('a transfer that stalls is given up after the limit, and goes on', async () => {
  await using server = await withLarge();
  server.fail({ path: /^nar/, stallAfter: 500_000, times: 1 });
  const { objects } = await openAt(server.origin, { retries: { attempts: 2, delayMs: 1 } });
  await using _ = objects;
  assert.ok((await readAll(objects, 'nar/x')).equals(large));
  assert.equal(server.seen.length, 2);
});

test('a transfer of a byte now and then is given up like one that stalls', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 1100);
      socket.on('close', () => clearInterval(timer));
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const http = { stallTimeoutMs: 1500, retries: { attempts: 1 } };
    const { objects } = await openAt(`http://127.0.0.1:${port}`, http);
    await using _ = objects;
    const error = await failure(readAll(objects, 'nar/x'), 'unavailable');
    assert.match(error.message, /slower than a byte a second/);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

test('a transfer that ends too early goes on', async () => {
  await using server = await withLarge();
  server.fail({ path: /^nar/, truncateAfter: 2_000_000, times: 1 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  assert.ok((await readAll(objects, 'nar/x')).equals(large));
  assert.match(gets(server)[1] ?? '', /bytes=2000000-$/);
});

test('where the server serves no ranges, what came already is skipped', async () => {
  await using server = await withLarge({ ranges: false });
  server.fail({ path: /^nar/, resetAfter: 1_000_000, times: 1 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  assert.ok((await readAll(objects, 'nar/x')).equals(large));
  assert.equal(server.seen.length, 2);
});

test('what changed while it was read is not pieced together', async () => {
  await using server = await withLarge();
  server.fail({ path: /^nar/, resetAfter: 1_000_000, times: 1 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  const found = await objects.get('nar/x');
  assert.ok(found);
  const drain = async (): Promise<void> => {
    for await (const _chunk of found.bytes) server.objects.set('nar/x', Buffer.alloc(LARGE_BYTES));
  };
  const error = await failure(drain(), 'unavailable');
  assert.match(error.message, /changed since/);
});

test('where nothing tells one representation from another, nothing is pieced together', async () => {
  await using server = await withLarge({ ranges: false, etags: false, chunked: true });
  server.fail({ path: /^nar/, resetAfter: 1_000_000, times: 1 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  await failure(readAll(objects, 'nar/x'), 'unavailable');
});

test('attempts are counted, and come to an end', async () => {
  await using server = await withLarge();
  server.fail({ path: /^nar/, resetAfter: 1000 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  await failure(readAll(objects, 'nar/x'), 'unavailable');
  assert.equal(server.seen.length, 3);
});

test('500 is tried again, and then told', async () => {
  await using server = await withLarge();
  server.fail({ status: 500 });
  const { objects, said } = await openAt(server.origin);
  await using _ = objects;
  const error = await failure(read(objects, 'a.narinfo'), 'unavailable');
  assert.match(error.message, /cannot fetch "http:.*\/a\.narinfo": the server answered 500/);
  assert.equal(server.seen.length, 3);
  assert.equal(said.length, 2);
});

test('501 is not tried again', async () => {
  await using server = await withLarge();
  server.fail({ status: 501 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  await failure(read(objects, 'a.narinfo'), 'unsupported');
  assert.equal(server.seen.length, 1);
});

test('503 is waited out for as long as the server asks', async () => {
  await using server = await withLarge();
  server.fail({ status: 503, headers: { 'retry-after': '1' }, times: 1 });
  const { objects, said } = await openAt(server.origin);
  await using _ = objects;
  assert.equal(await read(objects, 'a.narinfo'), 'StorePath: x\n');
  assert.match(said[0] ?? '', /attempt 2 of 3 in 1 s$/);
});

test('no pause is longer than the limit, whatever the server asks for', async () => {
  await using server = await withLarge();
  const later = new Date(Date.now() + 3_600_000).toUTCString();
  server.fail({ status: 429, headers: { 'retry-after': later }, times: 1 });
  const { objects } = await openAt(server.origin, { retries: { attempts: 2, delayMsMax: 20 } });
  await using _ = objects;
  assert.equal(await read(objects, 'a.narinfo'), 'StorePath: x\n');
});

test('an abort ends a pause, with its reason', async () => {
  await using server = await withLarge();
  server.fail({ status: 503, headers: { 'retry-after': '30' } });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  const stop = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => stop.abort(reason), 50);
  const reading = objects.read('a.narinfo', { bytesMax: 100, signal: stop.signal });
  await assert.rejects(reading, reason);
});

test('an abort ends a transfer that stalls, with its reason', async () => {
  await using server = await withLarge();
  server.fail({ path: /^nar/, stallAfter: 1000 });
  const { objects } = await openAt(server.origin, { stallTimeoutMs: 60_000 });
  await using _ = objects;
  const stop = new AbortController();
  const reason = new Error('enough');
  const found = await objects.get('nar/x', { signal: stop.signal });
  assert.ok(found);
  setTimeout(() => stop.abort(reason), 50);
  await assert.rejects(Array.fromAsync(found.bytes), reason);
});

for (const status of [403, 404, 410]) {
  test(`${status} is "there is none"`, async () => {
    await using server = await withLarge();
    server.fail({ status });
    const { objects } = await openAt(server.origin);
    await using _ = objects;
    assert.equal(await read(objects, 'a.narinfo'), undefined);
    assert.equal(await objects.get('nar/x'), undefined);
    assert.equal(await objects.head('nar/x'), undefined);
    assert.equal(server.seen.length, 3);
  });
}

test('403 for nix-cache-info is an error', async () => {
  await using server = await withLarge();
  server.fail({ status: 403 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  await failure(read(objects, 'nix-cache-info'), 'denied');
});

test('an answer shorter than it says is never taken for the whole', async () => {
  await using server = await withLarge();
  server.fail({ path: /narinfo/, contentLength: 500, truncateAfter: 13 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  await failure(read(objects, 'a.narinfo'), 'unavailable');
  assert.match(gets(server)[1] ?? '', /bytes=13-$/);
});

test('what is too long is refused at once', async () => {
  await using server = await withLarge();
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  const error = await failure(objects.read('nar/x', { bytesMax: 1000 }), 'corrupt');
  assert.match(error.message, /more than 1000 bytes/);
  await using chunked = await withLarge({ chunked: true });
  const other = await openAt(chunked.origin);
  await using __ = other.objects;
  await failure(other.objects.read('nar/x', { bytesMax: 1000 }), 'corrupt');
});

for (const chunked of [false, true]) {
  const how = chunked ? 'that is told by nobody' : 'that is announced';
  test(`a guess at the size that was wrong costs no more than asking again: a size ${how}`, async () => {
    await using server = await withLarge({ chunked });
    for (let i = 0; i < 60; i += 1) {
      server.objects.set(`nar/${i}`, i % 20 === 7 ? large : Buffer.from(`nar ${i}`));
    }
    const { objects, said } = await openAt(server.origin, { connectionsMax: 2 });
    await using _ = objects;
    const fetched = Array.from({ length: 60 }, async (_entry, i) => {
      const body = await objects.get(`nar/${i}`, { sizeHint: 100 });
      assert.ok(body);
      return Buffer.concat(await Array.fromAsync(body.bytes));
    });
    for (const [i, bytes] of (await Promise.all(fetched)).entries()) {
      assert.ok(bytes.equals(server.objects.get(`nar/${i}`) ?? Buffer.alloc(0)), `nar/${i}`);
    }
    assert.ok(server.seen.length < 100, `${server.seen.length} requests`);
    assert.deepEqual(said, []);
  });
}

test('a body that nobody reads holds up nobody else', async () => {
  await using server = await withLarge();
  const { objects } = await openAt(server.origin, { connectionsMax: 2, stallTimeoutMs: 60_000 });
  await using _ = objects;
  const found = await objects.get('nar/x');
  assert.ok(found);
  for (let i = 0; i < 5; i += 1) assert.equal(await read(objects, 'a.narinfo'), 'StorePath: x\n');
  for await (const _chunk of found.bytes) break;
  assert.ok((await readAll(objects, 'nar/x')).equals(large));
});

test('connections are kept and used again', async () => {
  await using server = await withLarge();
  const { objects } = await openAt(server.origin, { connectionsMax: 3 });
  await using _ = objects;
  await Promise.all(Array.from({ length: 60 }, () => read(objects, 'a.narinfo')));
  for (let i = 0; i < 5; i += 1) await objects.head('a.narinfo');
  await readAll(objects, 'nar/x');
  assert.ok(server.connections() <= 3, `${server.connections()} connections`);
});

test('a server that closes after each answer is served without pipelining', async () => {
  await using server = await withLarge({ keepAlive: false });
  const { objects, said } = await openAt(server.origin, { connectionsMax: 4 });
  await using _ = objects;
  const answers = await Promise.all(Array.from({ length: 50 }, () => read(objects, 'a.narinfo')));
  assert.deepEqual(new Set(answers), new Set(['StorePath: x\n']));
  assert.equal(server.seen.length, 50);
  assert.deepEqual(said, []);
});

test('a server that drops requests in line gets them one at a time', async () => {
  // It answers the first of what comes at once, and closes.
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let answered = 0;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const isAlone = data.toString().match(/GET /g)?.length === 1;
      answered += 1;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      if (!isAlone || answered > 20) socket.destroySoon();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const { objects } = await openAt(`http://127.0.0.1:${port}`, { connectionsMax: 2 });
    await using _ = objects;
    const answers = await Promise.all(Array.from({ length: 40 }, () => read(objects, 'x')));
    assert.deepEqual(new Set(answers), new Set(['ok']));
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

test('a server that calls requests in line malformed gets them one at a time', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const count = data.toString().match(/GET /g)?.length ?? 0;
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      if (count > 1) socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const { objects } = await openAt(`http://127.0.0.1:${port}`, { connectionsMax: 2 });
    await using _ = objects;
    const answers = await Promise.all(Array.from({ length: 40 }, () => read(objects, 'x')));
    assert.deepEqual(new Set(answers), new Set(['ok']));
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** Accepts and never answers; counts. */
async function startSilence(): Promise<AsyncDisposable & { port: number; accepted(): number }> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => accepted,
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return;
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

for (const scheme of ['http', 'https']) {
  test(`a server that never answers costs one time-out for 25 requests at once, over ${scheme}`, async () => {
    await using silence = await startSilence();
    const { objects, said } = await openAt(`${scheme}://127.0.0.1:${silence.port}`);
    await using _ = objects;
    const errors = await Promise.all(
      Array.from({ length: 25 }, () => failure(read(objects, 'a.narinfo'), 'unavailable')),
    );
    const accepted = silence.accepted();
    const { message } = await failure(read(objects, 'b.narinfo'), 'unavailable');
    assert.match(errors[0]?.message ?? '', /no answer in time|no connection within/);
    assert.match(message, /it failed a moment ago/);
    assert.ok(accepted <= 25, `${accepted} connections`);
    assert.equal(silence.accepted(), accepted, 'it was not asked again');
    assert.deepEqual(said, [], 'nothing was tried again');
  });
}

test('a port where nobody listens is given up by all together', async () => {
  await using silence = await startSilence();
  const { port } = silence;
  await silence[Symbol.asyncDispose]();
  const { objects } = await openAt(`http://127.0.0.1:${port}`);
  await using _ = objects;
  const errors = await Promise.all(
    Array.from({ length: 25 }, () => failure(read(objects, 'a.narinfo'), 'unavailable')),
  );
  assert.match(errors[0]?.message ?? '', /connection refused/);
  const { message } = await failure(read(objects, 'b.narinfo'), 'unavailable');
  assert.match(message, /it failed a moment ago: connection refused/);
});

test('the memory of a dead server fades', async () => {
  await using server = await withLarge();
  server.fail({ status: 503 });
  const { objects } = await openAt(server.origin, { deadHosts: new DeadHosts(50) });
  await using _ = objects;
  await failure(read(objects, 'a.narinfo'), 'unavailable');
  server.heal();
  await failure(read(objects, 'a.narinfo'), 'unavailable');
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(await read(objects, 'a.narinfo'), 'StorePath: x\n');
});

test('one object that can never be had does not condemn the server', async () => {
  await using server = await withLarge();
  server.fail({ path: /bad/, status: 500 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  await failure(read(objects, 'bad.narinfo'), 'unavailable');
  assert.equal(await read(objects, 'a.narinfo'), 'StorePath: x\n');
});

test('an upload is sent again after 503, whole', async () => {
  await using server = await startHttpServer();
  server.fail({ method: 'PUT', status: 503, times: 2 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  await objects.put('nar/y', large, { contentType: 'application/x-nix-nar' });
  assert.ok(Buffer.from(server.objects.get('nar/y') ?? []).equals(large));
  const [put] = server.seen.filter(({ method }) => method === 'PUT');
  assert.equal(put?.headers['content-length'], String(LARGE_BYTES));
  assert.equal(put?.headers['content-type'], 'application/x-nix-nar');
});

test('an upload that stalls is given up', async () => {
  await using server = await startHttpServer();
  server.fail({ method: 'PUT', stallAfter: -1 });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  const put = objects.put('nar/y', large, { contentType: 'application/x-nix-nar' });
  assert.match((await failure(put, 'unavailable')).message, /cannot upload/);
});

test('an upload that nobody reads is given up', async () => {
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const { objects } = await openAt(`http://127.0.0.1:${port}`);
    await using _ = objects;
    const put = objects.put('x', Buffer.alloc(40_000_000), { contentType: 'text/plain' });
    assert.match((await failure(put, 'unavailable')).message, /no answer in time/);
    assert.equal(sockets.size, 1);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

test('aborting some of what shares a connection leaves the others alone', async () => {
  await using server = await withLarge();
  for (let i = 0; i < 80; i += 1) server.objects.set(`${i}.narinfo`, Buffer.from(`info ${i}`));
  server.fail({ delayMs: 3 });
  const { objects, said } = await openAt(server.origin, { connectionsMax: 2 });
  await using _ = objects;
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on('warning', onWarning);
  const stop = new AbortController();
  const reason = new Error('enough');
  const reading = Array.from({ length: 80 }, async (_entry, i) => {
    const signal = i % 3 === 0 ? stop.signal : undefined;
    const bytes = await objects.read(`${i}.narinfo`, { bytesMax: 100, signal });
    return Buffer.from(bytes ?? []).toString();
  });
  setTimeout(() => stop.abort(reason), 40);
  const outcomes = await Promise.allSettled(reading);
  process.off('warning', onWarning);
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') assert.equal(outcome.value, `info ${i}`);
    else assert.equal(outcome.reason, reason, `${i}`);
    if (i % 3 !== 0) assert.equal(outcome.status, 'fulfilled');
  }
  assert.ok(outcomes.some(({ status }) => status === 'rejected'));
  assert.deepEqual(said, []);
  assert.deepEqual(warnings, []);
  assert.equal(await read(objects, 'a.narinfo'), 'StorePath: x\n');
});

test('an upload that arrives changed is an error', async () => {
  await using server = await startHttpServer();
  server.fail({ method: 'HEAD', body: 'half of it' });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  const put = objects.put('nar/y', large, { contentType: 'application/x-nix-nar' });
  assert.match((await failure(put, 'corrupt')).message, /bytes were sent, and the server has 10/);
});

test('an upload whose hash the server tells is compared with it', async () => {
  await using server = await startHttpServer();
  const repr = `sha-256=:${'A'.repeat(43)}=:`;
  server.fail({ method: 'HEAD', headers: { 'repr-digest': repr } });
  const { objects } = await openAt(server.origin);
  await using _ = objects;
  const put = objects.put('x.narinfo', Buffer.from('text'), { contentType: 'text/plain' });
  assert.match((await failure(put, 'corrupt')).message, /another SHA-256/);
});

for (const [status, code] of [
  [401, 'denied'],
  [403, 'denied'],
  [405, 'unsupported'],
  [413, 'denied'],
  [501, 'unsupported'],
  [507, 'no-space'],
] as const) {
  test(`an upload that is refused with ${status} is "${code}", once`, async () => {
    await using server = await startHttpServer();
    server.fail({ method: 'PUT', status });
    const { objects } = await openAt(server.origin);
    await using _ = objects;
    const put = objects.put('x.narinfo', Buffer.from('text'), { contentType: 'text/plain' });
    const error = await failure(put, code);
    assert.match(
      error.message,
      new RegExp(`cannot upload ".*x.narinfo": the server answered ${status} `),
    );
    assert.equal(server.seen.length, 1);
  });
}

test('disposing ends what is under way', async () => {
  await using server = await withLarge();
  server.fail({ stallAfter: 10 });
  const { objects } = await openAt(server.origin, { stallTimeoutMs: 60_000 });
  const found = await objects.get('nar/x');
  assert.ok(found);
  const reading = failure(Array.fromAsync(found.bytes), 'unavailable');
  await objects[Symbol.asyncDispose]();
  await objects[Symbol.asyncDispose]();
  await reading;
  await failure(read(objects, 'a.narinfo'), 'unavailable');
});
