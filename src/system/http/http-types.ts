/** What is asked over HTTP and what comes back; `open-http.ts` has the client. */
import type { DeadHosts } from './dead-hosts.ts';
import type { Credentials } from './http-url.ts';
import type { ProxyRules } from './proxy-rules.ts';

/** A body that can be sent again from the start. */
export interface HttpBody {
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: HttpBody | Uint8Array | undefined;
  /** Bytes wanted, both ends included. Whether the server cared shows in the status: 206, or 200 for the whole. */
  readonly range?: { readonly start: number; readonly end?: number | undefined } | undefined;
  /**
   * The answer is short, and is read without delay: it may share a connection with others. Where it turns out longer
   * than `SHARED_BYTES_MAX` it is asked for again.
   */
  readonly isShort?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Names are in lower case. Several lines of one name are joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** Bytes of the body as they are transferred, where it is told. */
  readonly size: number | undefined;
  /**
   * The body, to be iterated once: to its end, or broken out of. Where the transfer breaks it goes on by itself. Chunks
   * are the reader's. A body that nobody iterates holds a connection until the client is disposed: see `discard`.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Lets go of a body that isn't wanted. */
  discard(): void;
}

export type HttpMethod = 'GET' | 'HEAD' | 'PUT' | 'DELETE';

export interface HttpClient extends AsyncDisposable {
  /**
   * Asks, follows redirects, and tries again what may pass. An answer with any other status is returned.
   * @throws FerryError `unavailable` when there is no answer, or none but refusals that may pass.
   */
  request(method: HttpMethod, url: URL, request?: HttpRequest): Promise<HttpResponse>;
  /** Requests that may be under way at the same time to some purpose. */
  readonly concurrency: number;
}

export interface HttpTls {
  /** PEM file with the certificates that are trusted, instead of the system's. */
  readonly caFile?: string | undefined;
  /** PEM files that we show who we are with, to `origin` alone. */
  readonly client?:
    | { readonly certificateFile: string; readonly keyFile: string; readonly origin: string }
    | undefined;
}

export interface HttpRetries {
  /** How often in all. Default 5. */
  readonly attempts?: number | undefined;
  /** Before the second attempt; it doubles each time. Default 250. */
  readonly delayMs?: number | undefined;
  /** The same where the server said that it is too much (429, 503). Default 1000. */
  readonly rateLimitedDelayMs?: number | undefined;
  /** No pause is longer, whatever the server asks for. Default 60,000. */
  readonly delayMsMax?: number | undefined;
}

export interface HttpOptions {
  /** To one server. Default 25; 0 is as many as is sensible. */
  readonly connectionsMax?: number | undefined;
  /** Whether HTTP/2 is spoken where the server offers it. Default true. */
  readonly http2?: boolean | undefined;
  /** Short requests that may wait for their answers on one HTTP/1.1 connection. Default 6; 1 is none ahead. */
  readonly pipelining?: number | undefined;
  /** Until a connection stands, TLS included. Default 15,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Silence that is borne, in either direction. What trickles slower than a byte a second is silence too. Default 300,000. */
  readonly stallTimeoutMs?: number | undefined;
  readonly retries?: HttpRetries | undefined;
  /** Of all downloads together. Default: no limit. */
  readonly bytesPerSecondMax?: number | undefined;
  readonly userAgent?: string | undefined;
  readonly tls?: HttpTls | undefined;
  readonly proxies?: ProxyRules | undefined;
  /**
   * Who we are to a server. `isRedirect` is where another server sent us there: what is meant for any host must not be
   * told to it.
   */
  readonly credentials?: ((url: URL, isRedirect: boolean) => Credentials | undefined) | undefined;
  /** One line for each attempt that failed and is repeated. */
  readonly onDiagnostic?: ((line: string) => void) | undefined;
  /** Default: the one that all clients of the process share. */
  readonly deadHosts?: DeadHosts | undefined;
}

/** What is longer never shares a connection: whoever waits behind it would wait too long. */
export const SHARED_BYTES_MAX: number = 256 * 1024;

/** The default of `stallTimeoutMs`. */
export const STALL_TIMEOUT_MS: number = 300_000;
