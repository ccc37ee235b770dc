/**
 * A client for HTTP: connections kept and shared, redirects, attempts repeated, bodies that go on where they broke off.
 * It knows nothing of caches. What it needs beside Node (undici) is loaded with the first request.
 */
import { FerryError, isFerryError } from '../../error.ts';
import { ConnectError, DeadHostError, reasonOf } from './connect-error.ts';
import type { HttpClient, HttpMethod, HttpOptions, HttpResponse } from './http-types.ts';
import { printUrl } from './http-url.ts';
import { Journey } from './journey.ts';
import { makeBody } from './resume.ts';
import { Attempts } from './retry.ts';
import { RateLimit } from './rate-limit.ts';
import { ServerTable } from './server-table.ts';

const DOING: Readonly<Record<HttpMethod, string>> = {
  GET: 'fetch',
  HEAD: 'look for',
  PUT: 'upload',
  DELETE: 'delete',
};

/** Use as `await using http = openHttp(options)`: connections are closed when it is disposed. */
export function openHttp(options: HttpOptions = {}): HttpClient {
  const servers = new ServerTable(options);
  const { bytesPerSecondMax, retries = {}, onDiagnostic } = options;
  const limit = bytesPerSecondMax === undefined ? undefined : new RateLimit(bytesPerSecondMax);
  return {
    concurrency: servers.concurrency,
    request: async (method, url, request = {}) => {
      const { signal } = request;
      signal?.throwIfAborted();
      const doing = `${DOING[method]} "${printUrl(url)}"`;
      const translate = (error: unknown): unknown => {
        signal?.throwIfAborted();
        return translateError(error, doing);
      };
      const attempts = new Attempts({ retries, doing, onDiagnostic, signal });
      const journey = new Journey(servers, { method, url, request, options, attempts });
      try {
        const arrival = await journey.go();
        const { answer } = arrival;
        return {
          status: answer.status,
          headers: answer.headers,
          url: arrival.url,
          ...makeBody(journey, arrival, { attempts, limit, signal, translate }),
        } satisfies HttpResponse;
      } catch (error) {
        throw translate(error);
      }
    },
    [Symbol.asyncDispose]: () => servers.close(),
  };
}

function translateError(error: unknown, doing: string): unknown {
  if (isFerryError(error)) return error;
  const hint =
    error instanceof ConnectError || error instanceof DeadHostError ? error.hint : undefined;
  return new FerryError('unavailable', `cannot ${doing}: ${reasonOf(error)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
