/**
 * How the AWS SDK makes its HTTP requests here. Its own way has no limit on silence that a slow reader of ours doesn't
 * trip, no maximum for what it collects, and knows no proxies.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { FerryError } from '../../error.ts';
import { basicAuthorization } from '../../system/http/http-url.ts';
import { proxyOf } from '../../system/http/proxy-rules.ts';
import { S3Agent, type S3AgentOptions } from './s3-agent.ts';

export interface S3HttpOptions extends Omit<S3AgentOptions, 'scheme'> {
  /** How long the server may stay silent while we wait for it. */
  readonly silenceMs: number;
}

/** The parts of the SDK's requests and responses that matter here. */
interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null | undefined>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | Uint8Array | string | undefined;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly reason?: string | undefined;
  readonly headers: Record<string, string>;
  readonly body: Readable | Uint8Array;
}

/** Bytes of an answer that isn't an object: a page of a listing is the longest. */
const COLLECTED_BYTES_MAX = 16 * 1024 * 1024;
/** How long a server may think about whether it wants a body, before it gets it unasked (RFC 9110, 10.1.1). */
const CONTINUE_WAIT_MS = 1000;

export class S3HttpHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #options: S3HttpOptions;
  readonly #agents: { readonly 'http:': S3Agent; readonly 'https:': S3Agent };

  constructor(options: S3HttpOptions) {
    this.#options = options;
    this.#agents = {
      'http:': new S3Agent({ ...options, scheme: 'http' }),
      'https:': new S3Agent({ ...options, scheme: 'https' }),
    };
  }

  destroy(): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }

  httpHandlerConfigs(): object {
    return {};
  }

  /** The SDK wants to tell defaults of its own; ours stand. */
  updateHttpClientConfig(): void {}

  async handle(
    request: SdkRequest,
    handlerOptions: { readonly abortSignal?: unknown } = {},
  ): Promise<{ response: SdkResponse }> {
    // The SDK's type has another kind too, from before there was this one.
    const given = handlerOptions.abortSignal;
    const abortSignal = given instanceof AbortSignal ? given : undefined;
    abortSignal?.throwIfAborted();
    const sent = this.#start(request);
    const onAbort = (): void => void sent.destroy(new Error('aborted'));
    abortSignal?.addEventListener('abort', onAbort, { once: true });
    const { body } = request;
    try {
      const received = await this.#exchange(sent, request);
      const { statusCode = 0, statusMessage, headers } = received;
      const isObject = request.query?.['x-id'] === 'GetObject' && statusCode < 300;
      const answer = { statusCode, reason: statusMessage, headers: joined(headers) };
      // An object is for its reader, who aborts by himself.
      if (isObject) return { response: { ...answer, body: received } };
      const collected = await collect(received);
      // It answered before it had all of the body, which now nobody wants to send to the end.
      if (!sent.writableFinished) sent.destroy();
      return { response: { ...answer, body: collected } };
    } catch (error) {
      sent.destroy();
      throw error;
    } finally {
      abortSignal?.removeEventListener('abort', onAbort);
      if (body !== undefined && typeof body === 'object' && 'destroy' in body) body.destroy();
    }
  }

  #start({ protocol, hostname, port, method, path, query, headers }: SdkRequest): ClientRequest {
    const isPlain = protocol === 'http:';
    const target = `${path}${queryOf(query)}`;
    const authority = port === undefined ? hostname : `${hostname}:${port}`;
    const url = new URL(`${isPlain ? 'http' : 'https'}://${authority}/`);
    const proxy = isPlain ? proxyOf(url, this.#options.proxies) : undefined;
    // What isn't encrypted a proxy is asked for, and doesn't just let through; unless it only knows how to do that.
    const isForProxy = proxy !== undefined && proxy.kind !== 'socks5';
    const credentials = isForProxy ? proxy.credentials : undefined;
    return httpRequest({
      // Brackets are for URLs alone.
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port ?? (isPlain ? 80 : 443),
      method,
      path: isForProxy ? `http://${authority}${target}` : target,
      headers:
        credentials === undefined
          ? headers
          : { ...headers, 'Proxy-Authorization': basicAuthorization(credentials) },
      agent: isPlain ? this.#agents['http:'] : this.#agents['https:'],
    });
  }

  #exchange(sent: ClientRequest, request: SdkRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      let response: IncomingMessage | undefined;
      sent.once('response', (received) => {
        response = received;
        resolve(received);
      });
      // Also what comes when there is an answer already: the reader of its body gets that from there.
      sent.on('error', reject);
      sent.once('socket', (socket) => {
        this.#limitSilence(socket, sent, () => response);
      });
      sendBody(sent, request);
    });
  }

  /** Ends a request on which nothing moves although we wait for it. */
  #limitSilence(
    socket: Socket,
    sent: ClientRequest,
    response: () => IncomingMessage | undefined,
  ): void {
    const { silenceMs } = this.#options;
    // Twice half the time: a reader who comes back just as the first half ends must not find it over.
    let silentHalves = 0;
    let movedBytes = -1;
    const onTimeout = (): void => {
      const moved = socket.bytesRead + socket.bytesWritten;
      const isReaderSlow = (response()?.readableLength ?? 0) > 0;
      silentHalves = isReaderSlow ? 0 : moved === movedBytes ? silentHalves + 1 : 1;
      movedBytes = moved;
      if (silentHalves < 2) {
        socket.setTimeout(silenceMs / 2);
        return;
      }
      const error = lateError(`nothing came or went for ${silenceMs / 1000} s`);
      response()?.destroy(error);
      sent.destroy(error);
    };
    socket.setTimeout(silenceMs / 2);
    socket.on('timeout', onTimeout);
    // The agent takes the limit off an idle connection by itself; here it may be that of the next request already.
    sent.once('close', () => socket.removeListener('timeout', onTimeout));
  }
}

/** A large body waits until the server wants it: it may have refused the request already. */
function sendBody(sent: ClientRequest, { body, headers }: SdkRequest): void {
  const send = (): void => {
    if (sent.destroyed || sent.writableEnded) return;
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      sent.end(body ?? '');
      return;
    }
    body.pipe(sent);
  };
  if (typeof body === 'object' && 'pipe' in body) body.on('error', (error) => sent.destroy(error));
  const asksFirst = Object.entries(headers).some(
    ([name, value]) => name.toLowerCase() === 'expect' && value === '100-continue',
  );
  if (!asksFirst) {
    send();
    return;
  }
  const timer = setTimeout(send, CONTINUE_WAIT_MS);
  const stop = (): void => clearTimeout(timer);
  sent.once('continue', () => {
    stop();
    send();
  });
  sent.once('response', stop);
  sent.once('close', stop);
  sent.flushHeaders();
}

async function collect(received: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of received as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > COLLECTED_BYTES_MAX) {
      throw new FerryError('protocol', `cannot read an answer of the S3 server: it is too long`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The name is the one by which the SDK, too, knows that time ran out. */
function lateError(message: string): Error {
  return Object.assign(new Error(message), { name: 'TimeoutError', code: 'ETIMEDOUT' });
}

function joined(headers: IncomingMessage['headers']): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

function queryOf(query: SdkRequest['query']): string {
  const parts = Object.entries(query ?? {}).flatMap(([name, value]) => {
    const key = encode(name);
    if (value === null || value === undefined) return [key];
    return [value].flat().map((one) => `${key}=${encode(one)}`);
  });
  return parts.length === 0 ? '' : `?${parts.sort().join('&')}`;
}

/** As the signature has it: all but letters, digits and `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
