/**
 * One request from the first hop to the answer that isn't a redirect, tried as often as it takes. At each hop it is
 * decided anew who we are there: credentials go to the server that they are meant for, and never from https to http.
 */
import { FerryError } from '../../error.ts';
import { TooLongToShareError } from './connect-error.ts';
import type { WireAnswer, WireRequest } from './exchange.ts';
import {
  STALL_TIMEOUT_MS,
  type HttpBody,
  type HttpMethod,
  type HttpOptions,
  type HttpRequest,
} from './http-types.ts';
import { basicAuthorization, parseHttpUrl, printUrl, splitCredentials } from './http-url.ts';
import {
  isRefusalForNow,
  parseRetryAfter,
  RefusedForNowError,
  type Attempts,
  type Trip,
} from './retry.ts';
import type { Reached, ServerTable } from './server-table.ts';
import { statusName } from './status-name.ts';

const REDIRECTS_MAX = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface Asked {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly request: HttpRequest;
  readonly options: HttpOptions;
  readonly attempts: Attempts;
}

export interface Arrival {
  readonly answer: WireAnswer;
  readonly url: URL;
}

export class Journey {
  readonly #servers: ServerTable;
  readonly #asked: Asked;
  #isShort: boolean;
  readonly trip: Trip = { server: undefined, startedAt: 0 };

  constructor(servers: ServerTable, asked: Asked) {
    this.#servers = servers;
    this.#asked = asked;
    this.#isShort = asked.request.isShort ?? false;
  }

  get request(): HttpRequest {
    return this.#asked.request;
  }

  get canBeResumed(): boolean {
    return this.#asked.method === 'GET';
  }

  /** It turned out to be long. */
  becomeLong(): void {
    this.#isShort = false;
  }

  /** @param extra headers of this attempt: a range, say. */
  async go(extra: Readonly<Record<string, string>> = {}): Promise<Arrival> {
    const { attempts } = this.#asked;
    for (;;) {
      let failure: unknown;
      try {
        const arrival = await this.#follow(extra);
        const { status, headers, body } = arrival.answer;
        if (!isRefusalForNow(status)) return arrival;
        body.cancel();
        const retryAfterMs = parseRetryAfter(headers.get('retry-after'), Date.now());
        failure = new RefusedForNowError(status, statusName(status), retryAfterMs);
      } catch (error) {
        if (error instanceof TooLongToShareError) this.becomeLong();
        failure = error;
      }
      await attempts.failed(failure, this.trip);
    }
  }

  async #follow(extra: Readonly<Record<string, string>>): Promise<Arrival> {
    let { url } = splitCredentials(this.#asked.url);
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#hop(url, extra);
      const location = REDIRECTS.has(answer.status) ? answer.headers.get('location') : undefined;
      if (location === undefined) return { answer, url };
      answer.body.cancel();
      if (redirects === REDIRECTS_MAX) {
        const shown = printUrl(this.#asked.url);
        throw new FerryError(
          'protocol',
          `cannot follow "${shown}": more than ${REDIRECTS_MAX} redirects`,
        );
      }
      // Credentials that a server puts into a URL are nothing that we were given.
      ({ url } = splitCredentials(parseHttpUrl(location, url)));
    }
  }

  async #hop(url: URL, extra: Readonly<Record<string, string>>): Promise<WireAnswer> {
    const { body } = this.#asked.request;
    const reached = await this.#servers.reach(url, body !== undefined);
    this.trip.server = reached.server;
    this.trip.startedAt = performance.now();
    const source = bodySource(body);
    const request: WireRequest = {
      method: this.#asked.method,
      path: reached.forwardProxy === undefined ? url.pathname + url.search : withoutHash(url),
      headers: { ...this.#headers(url, reached), ...extra },
      body: source.body,
      isShort: this.#isShort,
      stallTimeoutMs: this.#asked.options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    };
    try {
      return await reached.server.ask(request, this.#asked.request.signal);
    } catch (error) {
      // A file of ours that can't be read is not the server's failure.
      throw source.failure() ?? error;
    }
  }

  #headers(url: URL, { forwardProxy }: Reached): Record<string, string> {
    const { request, options } = this.#asked;
    const { body, range } = request;
    const headers: Record<string, string> = {
      accept: '*/*',
      'user-agent': options.userAgent ?? 'ferry',
      ...request.headers,
    };
    if (body !== undefined) {
      headers['content-length'] = String(body instanceof Uint8Array ? body.length : body.size);
    }
    if (range !== undefined) headers['range'] = `bytes=${range.start}-${range.end ?? ''}`;
    const authorization = this.#authorization(url);
    if (authorization !== undefined) headers['authorization'] = authorization;
    if (forwardProxy?.credentials !== undefined) {
      headers['proxy-authorization'] = basicAuthorization(forwardProxy.credentials);
    }
    return headers;
  }

  #authorization(url: URL): string | undefined {
    const { url: first, credentials: own } = splitCredentials(this.#asked.url);
    const isElsewhere = url.origin !== first.origin;
    if (isElsewhere && first.protocol === 'https:' && url.protocol === 'http:') return undefined;
    const credentials =
      (isElsewhere ? undefined : own) ?? this.#asked.options.credentials?.(url, isElsewhere);
    return credentials === undefined ? undefined : basicAuthorization(credentials);
  }
}

/** An HTTP proxy is told the whole URL; what is behind `#` is nobody's business. */
function withoutHash(url: URL): string {
  return url.origin + url.pathname + url.search;
}

interface BodySource {
  readonly body: WireRequest['body'];
  failure(): unknown;
}

function bodySource(body: HttpBody | Uint8Array | undefined): BodySource {
  if (body === undefined || body instanceof Uint8Array) return { body, failure: () => undefined };
  let failure: unknown;
  return {
    body: async function* read() {
      try {
        yield* body.open();
      } catch (error) {
        failure = error;
        throw error;
      }
    },
    failure: () => failure,
  };
}
