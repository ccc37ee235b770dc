/** A small proxy: forwards HTTP, connects through with CONNECT, speaks SOCKS 5; it counts, and wants credentials if told. */
import { once } from 'node:events';
import { createServer, request as ask } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';

export interface HttpProxy extends AsyncDisposable {
  readonly port: number;
  /** Each target it was asked for: a URL, or `HOST:PORT`. */
  readonly asked: string[];
}

export interface ProxyOptions {
  /** `user:password` */
  readonly auth?: string;
}

export async function startHttpProxy({ auth }: ProxyOptions = {}): Promise<HttpProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const wanted = auth === undefined ? undefined : `Basic ${Buffer.from(auth).toString('base64')}`;
  const server = createServer((incoming, answer) => {
    asked.push(incoming.url ?? '');
    const { 'proxy-authorization': authorization, ...headers } = incoming.headers;
    if (wanted !== undefined && authorization !== wanted) {
      answer.writeHead(407).end();
      return;
    }
    const onward = ask(incoming.url ?? '', { method: incoming.method ?? 'GET', headers });
    onward.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => answer.writeHead(502).end());
    incoming.pipe(onward);
  });
  server.on('connect', (incoming, client: Socket) => {
    asked.push(incoming.url ?? '');
    if (wanted !== undefined && incoming.headers['proxy-authorization'] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(incoming.url ?? '') ?? [];
    const target = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\nX-Proxy: yes\r\n\r\n');
      join(client, target);
    });
    target.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  server.on('connection', (socket: Socket) => remember(sockets, socket));
  return await listen(server, asked, sockets);
}

export async function startSocksProxy({ auth }: ProxyOptions = {}): Promise<HttpProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    remember(sockets, client);
    void serveSocks(client, asked, auth).catch(() => client.destroy());
  });
  return await listen(server, asked, sockets);
}

async function serveSocks(
  client: Socket,
  asked: string[],
  auth: string | undefined,
): Promise<void> {
  const [, methodCount = 0] = await read(client, 2);
  const methods = await read(client, methodCount);
  const method = auth === undefined ? 0 : 2;
  if (!methods.includes(method)) {
    client.end(Uint8Array.of(5, 255));
    return;
  }
  client.write(Uint8Array.of(5, method));
  if (auth !== undefined) {
    const [, userLength = 0] = await read(client, 2);
    const user = await read(client, userLength);
    const [passwordLength = 0] = await read(client, 1);
    const password = await read(client, passwordLength);
    const isRight = `${user.toString()}:${password.toString()}` === auth;
    client.write(Uint8Array.of(1, isRight ? 0 : 1));
    if (!isRight) return;
  }
  await read(client, 4);
  const [hostLength = 0] = await read(client, 1);
  const host = (await read(client, hostLength)).toString();
  const port = (await read(client, 2)).readUInt16BE();
  asked.push(`${host}:${port}`);
  const target = connect(port, host, () => {
    client.write(Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0));
    join(client, target);
  });
  target.on('error', () => client.end(Uint8Array.of(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)));
}

async function read(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(count) as Buffer | null;
    if (bytes !== null) return bytes;
    await once(socket, 'readable');
  }
}

function join(one: Socket, other: Socket): void {
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.pipe(other);
  other.pipe(one);
}

function remember(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on('error', () => {});
  socket.once('close', () => sockets.delete(socket));
}

type Listening = ReturnType<typeof createTcpServer>;

async function listen(
  server: Listening,
  asked: string[],
  sockets: Set<Socket>,
): Promise<HttpProxy> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
