/**
 * Makes connections: TCP, by way of a proxy where there is one, TLS with the certificate verified, always, and the choice
 * between HTTP/1.1 and HTTP/2 (ALPN). All of it within one time limit.
 */
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { isFerryError } from '../../error.ts';
import { ConnectError, isCertificateError, reasonOf, codeOf } from './connect-error.ts';
import { bareHost, portOf, type Proxy } from './proxy-rules.ts';
import { tunnelThroughHttp, tunnelThroughSocks } from './tunnel.ts';

export interface ConnectorOptions {
  readonly timeoutMs: number;
  /** Whether HTTP/2 is offered. */
  readonly http2: boolean;
  readonly proxy?: Proxy | undefined;
  readonly secureContext: () => Promise<SecureContext>;
}

/** An address that doesn't answer costs this much, where the host has another. */
const ADDRESS_TIMEOUT_MS = 500;
const KEEP_ALIVE_DELAY_MS = 30_000;

/** A connection to the server of `url`. @throws ConnectError; the signal's reason */
export async function connectTo(
  url: URL,
  options: ConnectorOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const { timeoutMs, proxy } = options;
  const limit = new AbortController();
  const onAbort = (): void => limit.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const timeout = new ConnectError(`no connection within ${formatSeconds(timeoutMs)}`, {
    isTimeout: true,
  });
  const timer = setTimeout(() => limit.abort(timeout), timeoutMs);
  const made: Socket[] = [];
  try {
    return await makeConnection(url, options, limit.signal, made);
  } catch (error) {
    for (const socket of made.reverse()) socket.destroy();
    if (limit.signal.aborted) throw limit.signal.reason;
    throw translate(error, proxy);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function makeConnection(
  url: URL,
  { http2, proxy, secureContext }: ConnectorOptions,
  signal: AbortSignal,
  made: Socket[],
): Promise<Socket> {
  const target = { host: bareHost(url), port: portOf(url) };
  const protocols = http2 ? ['h2', 'http/1.1'] : ['http/1.1'];
  const isTls = url.protocol === 'https:' || proxy?.kind === 'https';
  const trust = isTls ? await secureContext() : undefined;
  let socket = await openTcp(proxy ?? target, signal, made);
  if (proxy?.kind === 'https') {
    socket = await openTls(
      socket,
      { host: proxy.host, protocols: ['http/1.1'], trust },
      signal,
      made,
    );
  }
  if (proxy?.kind === 'socks5') await tunnelThroughSocks(socket, proxy, target, signal);
  if (url.protocol !== 'https:') return socket;
  if (proxy !== undefined && proxy.kind !== 'socks5') {
    const host = isIP(target.host) === 6 ? `[${target.host}]` : target.host;
    await tunnelThroughHttp(socket, proxy, `${host}:${target.port}`, signal);
  }
  return await openTls(socket, { host: target.host, protocols, trust }, signal, made);
}

async function openTcp(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
  made: Socket[],
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connectTcp({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
  });
  made.push(ignoringErrors(socket));
  await once(socket, 'connect', { signal });
  return socket;
}

interface TlsTarget {
  readonly host: string;
  readonly protocols: string[];
  readonly trust: SecureContext | undefined;
}

async function openTls(
  socket: Socket,
  { host, protocols, trust }: TlsTarget,
  signal: AbortSignal,
  made: Socket[],
): Promise<TLSSocket> {
  const secure = connectTls({
    socket,
    host,
    ...(trust === undefined ? {} : { secureContext: trust }),
    ALPNProtocols: protocols,
    // An address is not sent, and is looked for among the certificate's addresses.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: true,
  });
  made.push(ignoringErrors(secure));
  await once(secure, 'secureConnect', { signal });
  return secure;
}

/** One that comes while nobody waits shows in the next thing that is done; without a listener it ends the process. */
function ignoringErrors<T extends Socket>(socket: T): T {
  return socket.on('error', () => {});
}

function translate(error: unknown, proxy: Proxy | undefined): unknown {
  if (error instanceof ConnectError || isFerryError(error)) return error;
  const via = proxy === undefined ? '' : ` (by way of the proxy ${proxy.name})`;
  if (isCertificateError(error)) {
    return new ConnectError(`its certificate is not accepted${via}: ${reasonOf(error)}`, {
      cause: error,
      mayPass: false,
      hint: 'the setting ssl-cert-file, or NIX_SSL_CERT_FILE, names the file of certificates that are trusted',
    });
  }
  const code = codeOf(error) ?? '';
  const isTimeout =
    code === 'ETIMEDOUT' || (error instanceof AggregateError && error.errors.some(isTimedOut));
  return new ConnectError(`${isTimeout ? 'the connection timed out' : reasonOf(error)}${via}`, {
    cause: error,
    isTimeout,
    mayPass: !code.startsWith('ERR_SSL'),
  });
}

function isTimedOut(error: unknown): boolean {
  return codeOf(error) === 'ETIMEDOUT';
}

export function formatSeconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(ms < 10_000 ? 1 : 0))} s`;
}
