/** Has a proxy connect us through: HTTP's CONNECT (RFC 9110, section 9.3.6) and SOCKS 5 (RFC 1928, 1929). */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { ConnectError, printable } from './connect-error.ts';
import { basicAuthorization } from './http-url.ts';
import type { Proxy } from './proxy-rules.ts';

const HEADER_BYTES_MAX = 16 * 1024;

/** Through HTTP. The socket is then the target's. @throws ConnectError */
export async function tunnelThroughHttp(
  socket: Socket,
  proxy: Proxy,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const authorization =
    proxy.credentials === undefined
      ? ''
      : `Proxy-Authorization: ${basicAuthorization(proxy.credentials)}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
  let header = '';
  while (!header.includes('\r\n\r\n')) {
    // A byte at a time: what follows the header is the target's.
    const byte = await readExactly(socket, 1, proxy, signal);
    header += String.fromCharCode(...byte);
    if (header.length > HEADER_BYTES_MAX) {
      throw new ConnectError(`the answer of the proxy ${proxy.name} is too long`);
    }
  }
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(header)?.[1] ?? 0);
  if (status >= 200 && status < 300) return;
  if (status === 407) {
    throw new ConnectError(`the proxy ${proxy.name} wants other credentials (407)`, {
      mayPass: false,
      hint: 'credentials for a proxy stand in its URL: http://USER:PASSWORD@HOST:PORT',
    });
  }
  const answer = printable(header.split('\r\n')[0] ?? '');
  throw new ConnectError(`the proxy ${proxy.name} does not connect: "${answer}"`, {
    mayPass: status >= 500,
  });
}

const SOCKS_REFUSALS: Readonly<Record<number, string>> = {
  1: 'it failed',
  2: 'its rules forbid it',
  3: 'the network is unreachable',
  4: 'no route to the host',
  5: 'connection refused',
  6: 'it took too long',
  7: 'it knows no such command',
  8: 'it knows no such address',
};

/** Through SOCKS; names are resolved by the proxy. @throws ConnectError */
export async function tunnelThroughSocks(
  socket: Socket,
  proxy: Proxy,
  target: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<void> {
  const { credentials } = proxy;
  socket.write(credentials === undefined ? Uint8Array.of(5, 1, 0) : Uint8Array.of(5, 2, 0, 2));
  const [version, method] = await readExactly(socket, 2, proxy, signal);
  if (version !== 5) throw new ConnectError(`the proxy ${proxy.name} does not speak SOCKS 5`);
  if (method === 2 && credentials !== undefined) {
    const { user, password } = credentials;
    socket.write(Buffer.concat([Uint8Array.of(1), shortText(user), shortText(password)]));
    const [, verdict] = await readExactly(socket, 2, proxy, signal);
    if (verdict !== 0) throw refused(proxy, 'wrong user or password');
  } else if (method !== 0) {
    throw refused(proxy, 'it wants other credentials');
  }
  const port = Uint8Array.of(target.port >> 8, target.port & 255);
  socket.write(Buffer.concat([Uint8Array.of(5, 1, 0, 3), shortText(target.host), port]));
  const [, reply = 1, , addressKind] = await readExactly(socket, 4, proxy, signal);
  if (reply !== 0) {
    const reason = SOCKS_REFUSALS[reply] ?? `error ${reply}`;
    throw new ConnectError(`the proxy ${proxy.name} does not connect: ${reason}`, {
      mayPass: reply !== 2,
    });
  }
  let addressBytes = addressKind === 4 ? 16 : 4;
  if (addressKind === 3) addressBytes = (await readExactly(socket, 1, proxy, signal))[0] ?? 0;
  await readExactly(socket, addressBytes + 2, proxy, signal);
}

function refused(proxy: Proxy, reason: string): ConnectError {
  return new ConnectError(`the proxy ${proxy.name} does not let us in: ${reason}`, {
    mayPass: false,
  });
}

function shortText(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > 255) {
    throw new ConnectError('a name is too long for a SOCKS proxy', { mayPass: false });
  }
  return Buffer.concat([Uint8Array.of(bytes.length), bytes]);
}

async function readExactly(
  socket: Socket,
  count: number,
  proxy: Proxy,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (;;) {
    const bytes: Uint8Array | null = socket.read(count);
    if (bytes !== null && bytes.length === count) return bytes;
    if (socket.readableEnded || socket.destroyed || bytes !== null) {
      throw new ConnectError(`the proxy ${proxy.name} closed the connection`);
    }
    // At the end of the stream `readable` is emitted too, and `read` then gives what is left, or null.
    const over = new AbortController();
    const options = { signal: AbortSignal.any([signal, over.signal]) };
    const news = [once(socket, 'readable', options), once(socket, 'end', options)];
    for (const wait of news) wait.catch(() => {});
    try {
      await Promise.race(news);
    } finally {
      // The one that didn't come would listen for as long as the connection lasts.
      over.abort();
    }
  }
}
