/** The servers that a client knows, made as they are needed, each with how it is reached: proxy, TLS, protocols. */
import { FerryError } from '../../error.ts';
import { connectTo } from './connector.ts';
import { deadHostsOfProcess } from './dead-hosts.ts';
import { STALL_TIMEOUT_MS, type HttpOptions } from './http-types.ts';
import { proxyOf, type Proxy } from './proxy-rules.ts';
import { Server } from './server.ts';
import { loadSecureContext } from './trust-anchors.ts';
import { STREAMS_MAX } from './lane.ts';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Client } from 'undici';

/** "As many as you like" ends before file descriptors do. */
const CONNECTIONS_SENSIBLE = 128;
/** Redirects may lead to any number of them. */
const SERVERS_MAX = 64;
const KEEP_ALIVE_MS = 15_000;
const HEADER_BYTES_MAX = 64 * 1024;
/** So much may be under way in one stream: with round trips of 50 ms that is 40 MB/s. */
const H2_STREAM_BYTES = 2 * 1024 * 1024;
const H2_CONNECTION_BYTES = 16 * 1024 * 1024;

/** A server, and how requests to it have to look. */
export interface Reached {
  readonly server: Server;
  /** Set where requests go to it whole, as a proxy wants them that doesn't connect us through. */
  readonly forwardProxy: Proxy | undefined;
}

type MakeClient = new (origin: string, options: Client.Options) => Client;

export class ServerTable {
  readonly #options: HttpOptions;
  readonly #connectionsMax: number;
  readonly #pipelining: number;
  readonly #servers = new Map<string, Reached>();
  readonly #contexts = new Map<boolean, Promise<SecureContext>>();
  readonly #closing = new AbortController();

  constructor(options: HttpOptions) {
    this.#options = options;
    const { connectionsMax = 25, pipelining = 6 } = options;
    this.#connectionsMax = connectionsMax === 0 ? CONNECTIONS_SENSIBLE : connectionsMax;
    this.#pipelining = pipelining;
  }

  get concurrency(): number {
    return Math.max(STREAMS_MAX, this.#connectionsMax * this.#pipelining);
  }

  /**
   * Uploads have HTTP/1.1 connections of their own where other requests may have HTTP/2: an upload over HTTP/2 that is
   * given up when all of it is on its way (a time-out, an abort) makes Node 26 send empty frames without end, and fill
   * the memory with them.
   */
  async reach(url: URL, isUpload: boolean): Promise<Reached> {
    const Client = await loadClient();
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    const mayBeH2 = url.protocol === 'https:' && (this.#options.http2 ?? true);
    const key = isUpload && mayBeH2 ? `upload to ${url.origin}` : url.origin;
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const reached = this.#make(url, Client, mayBeH2 && !isUpload);
    this.#servers.set(key, reached);
    this.#forgetSome();
    return reached;
  }

  async close(): Promise<void> {
    this.#closing.abort(new FerryError('unavailable', 'the HTTP client was closed'));
    const servers = [...this.#servers.values()];
    await Promise.all(servers.map(({ server }) => server.close()));
  }

  #make(url: URL, Client: MakeClient, http2: boolean): Reached {
    const {
      connectTimeoutMs = 15_000,
      stallTimeoutMs = STALL_TIMEOUT_MS,
      proxies,
      tls,
    } = this.#options;
    const { origin, protocol } = url;
    const proxy = proxies === undefined ? undefined : proxyOf(url, proxies);
    const isTls = protocol === 'https:';
    const forwardProxy = !isTls && proxy !== undefined && proxy.kind !== 'socks5';
    const isOwn = tls?.client?.origin === origin;
    const connectorOptions = {
      timeoutMs: connectTimeoutMs,
      http2,
      proxy,
      secureContext: () => this.#secureContext(isOwn),
    };
    const server = new Server({
      name: proxy === undefined ? origin : `${origin} by way of ${proxy.name}`,
      connectionsMax: this.#connectionsMax,
      // Old proxies are known to fail with it, and a server of Node's with TLS answers 400 when it has enough in line.
      pipelining: forwardProxy || isTls ? 1 : this.#pipelining,
      mayBeH2: http2,
      deadHosts: this.#options.deadHosts ?? deadHostsOfProcess,
      makeClient: (onProtocol) =>
        new Client(origin, {
          connect: (_target, callback) => {
            void connectBack(callback, async () => {
              const socket = await connectTo(url, connectorOptions, this.#closing.signal);
              onProtocol('alpnProtocol' in socket && socket.alpnProtocol === 'h2');
              return socket;
            });
          },
          // What is really sent ahead is decided by `Server`.
          pipelining: 1000,
          headersTimeout: stallTimeoutMs,
          bodyTimeout: stallTimeoutMs,
          keepAliveTimeout: KEEP_ALIVE_MS,
          keepAliveMaxTimeout: KEEP_ALIVE_MS,
          maxHeaderSize: HEADER_BYTES_MAX,
          h2Options: {
            maxConcurrentStreams: STREAMS_MAX,
            initialWindowSize: H2_STREAM_BYTES,
            connectionWindowSize: H2_CONNECTION_BYTES,
          },
        } as Client.Options),
    });
    return { server, forwardProxy: forwardProxy ? proxy : undefined };
  }

  #secureContext(isOwn: boolean): Promise<SecureContext> {
    const known = this.#contexts.get(isOwn);
    if (known !== undefined) return known;
    const context = loadSecureContext(this.#options.tls ?? {}, isOwn);
    this.#contexts.set(isOwn, context);
    return context;
  }

  /** The oldest that has nothing to do; its connections end by themselves. */
  #forgetSome(): void {
    if (this.#servers.size <= SERVERS_MAX) return;
    for (const [origin, { server }] of this.#servers) {
      if (!server.isIdle) continue;
      this.#servers.delete(origin);
      return;
    }
  }
}

type ConnectCallback = (
  ...outcome: [error: null, socket: Socket] | [error: Error, socket: null]
) => void;

async function connectBack(callback: ConnectCallback, make: () => Promise<Socket>): Promise<void> {
  let socket: Socket;
  try {
    socket = await make();
  } catch (error) {
    callback(error as Error, null);
    return;
  }
  callback(null, socket);
}

/** The one class of undici's that is used: loading all of it would take four times as long. */
async function loadClient(): Promise<MakeClient> {
  // @ts-expect-error undici has types for the package as a whole alone.
  const module: { default: MakeClient } = await import('undici/lib/dispatcher/client.js');
  return module.default;
}
