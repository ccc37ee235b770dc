/**
 * A small real HTTP server over a directory in memory: GET with ranges, HEAD, PUT, DELETE, keep-alive, HTTP/2 over TLS,
 * and switches for what goes wrong with servers. It counts what it is asked.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificate } from './certificates.ts';

export interface Fault {
  /** Paths (without the first slash) that it applies to; all by default. */
  readonly path?: RegExp;
  readonly method?: string;
  /** How many requests it hits; all by default. */
  readonly times?: number;
  /** Before anything is answered. */
  readonly delayMs?: number;
  /** Answered instead, with headers. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is reset after so many bytes of the body. */
  readonly resetAfter?: number;
  /** The connection stays silent after so many bytes of the body; −1 is before the answer. */
  readonly stallAfter?: number;
  /** The connection is closed properly after so many bytes of the body, fewer than were announced. */
  readonly truncateAfter?: number;
  /** Announced instead of the true length. */
  readonly contentLength?: number;
  /** Sent instead of the true bytes. */
  readonly body?: string | Uint8Array;
}

export interface HttpServerOptions {
  readonly tls?: Certificate & { readonly ca?: string };
  /** Offers HTTP/2 by ALPN; needs `tls`. */
  readonly http2?: boolean;
  /** `user:password` without which nothing is answered. */
  readonly auth?: string;
  /** Ranges are ignored, as some servers do. Default true: they are served. */
  readonly ranges?: boolean;
  /** Validators of objects. Default true. */
  readonly etags?: boolean;
  /** No Content-Length: bodies come in chunks. */
  readonly chunked?: boolean;
  /** What the server says of itself by closing connections after each answer. */
  readonly keepAlive?: boolean;
  readonly readOnly?: boolean;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly version: string;
}

export interface HttpServer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  readonly objects: Map<string, Uint8Array>;
  readonly seen: SeenRequest[];
  connections(): number;
  /** Most requests that were under way at one time. */
  peak(): number;
  fail(fault: Fault): void;
  heal(): void;
}

type Answer = ServerResponse;

/** Use as `await using server = await startHttpServer()`. */
export async function startHttpServer(options: HttpServerOptions = {}): Promise<HttpServer> {
  const objects = new Map<string, Uint8Array>();
  const seen: SeenRequest[] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let running = 0;
  let peak = 0;

  const takeFault = (method: string, path: string): Fault => {
    for (const entry of faults) {
      const { fault } = entry;
      if (entry.left === 0 || (fault.method !== undefined && fault.method !== method)) continue;
      if (fault.path !== undefined && !fault.path.test(path)) continue;
      entry.left -= 1;
      return fault;
    }
    return {};
  };

  const handle = async (request: IncomingMessage, answer: Answer): Promise<void> => {
    running += 1;
    peak = Math.max(peak, running);
    answer.once('close', () => {
      running -= 1;
    });
    const method = request.method ?? '';
    const path = (request.url ?? '/').slice(1);
    seen.push({ method, path, headers: request.headers, version: request.httpVersion });
    const fault = takeFault(method, path);
    if (fault.delayMs !== undefined) await sleep(fault.delayMs);
    if (fault.stallAfter === -1) return;
    if (options.keepAlive === false && request.httpVersion !== '2.0') {
      answer.setHeader('connection', 'close');
    }
    for (const [name, value] of Object.entries(fault.headers ?? {})) answer.setHeader(name, value);
    if (options.auth !== undefined && !isLetIn(request, options.auth)) {
      answer.setHeader('www-authenticate', 'Basic realm="cache"');
      answer.writeHead(401).end('who are you?');
      return;
    }
    if (fault.status !== undefined) {
      answer.writeHead(fault.status).end(fault.body ?? `fault ${fault.status}`);
      return;
    }
    const key = path.replace(/\?.*/, '');
    if (method === 'PUT') await put(request, answer, key);
    else if (method === 'DELETE') answer.writeHead(objects.delete(key) ? 204 : 404).end();
    else await send(request, answer, fault, key);
  };

  const put = async (request: IncomingMessage, answer: Answer, key: string): Promise<void> => {
    if (options.readOnly === true) {
      answer.writeHead(405).end();
      return;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const isNew = !objects.has(key);
    objects.set(key, new Uint8Array(Buffer.concat(chunks)));
    answer.writeHead(isNew ? 201 : 204).end();
  };

  const send = async (
    request: IncomingMessage,
    answer: Answer,
    fault: Fault,
    key: string,
  ): Promise<void> => {
    const whole = fault.body === undefined ? objects.get(key) : Buffer.from(fault.body);
    if (whole === undefined) {
      answer.writeHead(404).end('no such object');
      return;
    }
    const tag = `"${createHash('sha256').update(whole).digest('hex').slice(0, 16)}"`;
    if (options.etags !== false) answer.setHeader('etag', tag);
    let start = 0;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const ifRange = request.headers['if-range'];
    if (options.ranges !== false) {
      answer.setHeader('accept-ranges', 'bytes');
      if (range !== null && (ifRange === undefined || ifRange === tag)) {
        start = Number(range[1]);
        if (start >= whole.length) {
          answer.writeHead(416).end();
          return;
        }
        answer.statusCode = 206;
        answer.setHeader('content-range', `bytes ${start}-${whole.length - 1}/${whole.length}`);
      }
    }
    const body = whole.subarray(start);
    if (options.chunked !== true) {
      answer.setHeader('content-length', fault.contentLength ?? body.length);
      // Node would notice that we announce another length than we send.
      if (fault.contentLength !== undefined && 'strictContentLength' in answer) {
        answer.strictContentLength = false;
      }
    }
    if (request.method === 'HEAD') {
      answer.end();
      return;
    }
    const limit = fault.resetAfter ?? fault.stallAfter ?? fault.truncateAfter;
    if (limit === undefined) {
      answer.end(body);
      return;
    }
    answer.write(body.subarray(0, limit));
    // The bytes before the fault are to arrive.
    await sleep(30);
    if (fault.resetAfter !== undefined) resetConnection(answer);
    else if (fault.truncateAfter !== undefined) answer.socket?.end();
  };

  const listener = (request: unknown, answer: unknown): void => {
    handle(request as IncomingMessage, answer as Answer).catch(() => {
      (answer as Answer).destroy();
    });
  };
  const { tls } = options;
  const server =
    tls === undefined
      ? createServer({ keepAliveTimeout: 60_000 }, listener)
      : options.http2 === true
        ? createSecureServer({ ...tls, allowHTTP1: true }, listener)
        : createTlsServer({ ...tls, requestCert: tls.ca !== undefined }, listener);
  const count = (socket: Socket): void => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', count);
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    origin: `${scheme}://127.0.0.1:${port}`,
    port,
    objects,
    seen,
    connections: () => connections,
    peak: () => peak,
    fail: (fault) => {
      faults.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY });
    },
    heal: () => {
      faults.length = 0;
    },
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function isLetIn(request: IncomingMessage, auth: string): boolean {
  return request.headers.authorization === `Basic ${Buffer.from(auth).toString('base64')}`;
}

function resetConnection(answer: Answer): void {
  const { socket } = answer;
  if (socket === null) return;
  if ('resetAndDestroy' in socket && typeof socket.resetAndDestroy === 'function') {
    socket.resetAndDestroy();
  } else {
    socket.destroy();
  }
}
