import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { makeTempDirectory } from '../../test/support/temp.ts';
import { connectSocket } from './socket.ts';

async function listen(path: string, answer: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, answer).listen(path);
  await once(server, 'listening');
  // A test that fails must not wait for it.
  return server.unref();
}

async function readAll(readable: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readable) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('bytes go both ways, also where the name is too long for the kernel', async () => {
  using temp = makeTempDirectory();
  const deep = temp.join('d'.repeat(100), 'e'.repeat(100));
  mkdirSync(deep, { recursive: true });
  symlinkSync(deep, temp.join('short'));
  for (const path of [temp.join('s'), `${deep}/s`]) {
    // The server listens by a shorter name of the same directory.
    const ours = path.startsWith(deep) ? temp.join('short', 's') : path;
    const server = await listen(ours, (socket) => socket.pipe(socket));
    const transport = await connectSocket(path);
    let sent = 0;
    await transport.write(Buffer.from('hello, '), () => sent++);
    await transport.write(Buffer.from('there'), () => sent++);
    transport.end();
    assert.equal(await readAll(transport.readable), 'hello, there');
    assert.equal(sent, 2);
    await transport.close();
    await transport.close();
    server.close();
  }
});

test('a socket that isn’t there, and one where nobody listens, are named', async () => {
  using temp = makeTempDirectory();
  const absent = temp.join('absent');
  await assert.rejects(connectSocket(absent), {
    code: 'not-found',
    message: `cannot connect to "${absent}": there is no such socket`,
  });
  await assert.rejects(connectSocket(temp.join('x'.repeat(100), 'y'.repeat(100))), {
    code: 'not-found',
  });
  const path = temp.join('file');
  writeFileSync(path, '');
  await assert.rejects(connectSocket(path), { code: 'unavailable', message: /nobody listens/ });
  const aborted = AbortSignal.abort(new Error('enough'));
  await assert.rejects(connectSocket(path, aborted), /enough/);
});

test('the other side going away is an end to who reads, and an error to who writes', async () => {
  using temp = makeTempDirectory();
  const server = await listen(temp.join('s'), (socket) => {
    socket.write('half');
    // With something unread, it is no orderly end.
    socket.once('readable', () => socket.destroy());
  });
  const transport = await connectSocket(temp.join('s'));
  await transport.write(Buffer.from('x'));
  assert.ok('half'.startsWith(await readAll(transport.readable)));
  await assert.rejects(
    async () => {
      for (;;) await transport.write(Buffer.alloc(1 << 20));
    },
    { code: 'unavailable' },
  );
  assert.deepEqual(await transport.ending(), { said: '' });
  server.close();
});

test('who writes faster than the other side reads waits', async () => {
  using temp = makeTempDirectory();
  const taken = Promise.withResolvers<Socket>();
  const server = await listen(temp.join('s'), (socket) => taken.resolve(socket.pause()));
  const transport = await connectSocket(temp.join('s'));
  const chunk = Buffer.alloc(4 << 20);
  const waiting = transport.write(chunk);
  assert.ok(waiting instanceof Promise);
  (await taken.promise).resume();
  await waiting;
  await transport.abort();
  server.close();
});
