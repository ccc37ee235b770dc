import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { tunnelThroughHttp } from './tunnel.ts';

async function answerSlowly(socket: Socket): Promise<void> {
  for (const byte of Buffer.from('HTTP/1.1 200 OK\r\nX-Proxy: slow\r\n\r\nhello')) {
    socket.write(Uint8Array.of(byte));
    await turn();
  }
}

test('a proxy that answers byte by byte leaves no listeners behind', async () => {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => void answerSlowly(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = createConnection(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    const proxy = { kind: 'http', host: '127.0.0.1', port, name: 'proxy' } as const;
    const before = socket.listenerCount('end');
    await tunnelThroughHttp(socket, proxy, 'host:443', new AbortController().signal);
    assert.deepEqual([socket.listenerCount('end'), socket.listenerCount('readable')], [before, 0]);
    let text = '';
    while (text.length < 5) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      text += chunk.toString();
    }
    assert.equal(text, 'hello', 'what follows the header is the target’s');
  } finally {
    socket.destroy();
    server.close();
  }
});
