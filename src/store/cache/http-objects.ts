/**
 * The objects of a cache behind an HTTP server, `http://` and `https://`: GET, HEAD, PUT and DELETE on keys, as Nix uses
 * them (Nix manual, "HTTP Binary Cache Store"). What a status means is in `http-status.ts`.
 */
import { open } from 'node:fs/promises';
import type { Netrc } from '../../config/netrc.ts';
import { FerryError } from '../../error.ts';
import {
  acceptedEncodings,
  decodeContent,
  encodingsOf,
} from '../../system/http/content-encoding.ts';
import {
  SHARED_BYTES_MAX,
  type HttpBody,
  type HttpClient,
  type HttpMethod,
  type HttpOptions,
  type HttpRequest,
  type HttpResponse,
} from '../../system/http/http-types.ts';
import { parseHttpUrl, printUrl } from '../../system/http/http-url.ts';
import { openHttp } from '../../system/http/open-http.ts';
import { translateOsError } from '../../system/os-error.ts';
import { pause } from '../../system/pause.ts';
import type { CallOptions } from '../store.ts';
import { httpAccess } from './http-access.ts';
import { answerError, isAbsence, isSuccess } from './http-status.ts';
import { checkArrived } from './http-verify.ts';
import { checkObjectKey } from './object-key.ts';
import type {
  GetOptions,
  ObjectBody,
  ObjectHead,
  Objects,
  PutOptions,
  ReadOptions,
  SpooledFile,
} from './objects.ts';

export interface HttpObjectsOptions {
  /** The URL of the cache, with its user and password where it has them. */
  readonly url: string;
  /** How it is asked; who we are comes from the URL and from netrc. */
  readonly http?: Omit<HttpOptions, 'credentials'> | undefined;
  /** Read when it is first needed. Default: there is none. */
  readonly readNetrc?: (() => Netrc) | undefined;
}

/** What an encoded object may take to transfer beyond what it has when decoded. */
const ENCODING_SLACK_BYTES = 64 * 1024;
/** Of what is uploaded. */
const CHUNK_BYTES = 256 * 1024;
/** Some servers take a moment until they know of what they were sent. */
const ARRIVAL_PAUSES_MS = [100, 400, 1500];

/** @throws FerryError `usage` for a URL that can't be. */
export async function openHttpObjects(options: HttpObjectsOptions): Promise<Objects> {
  let netrc: Netrc | undefined;
  const readNetrc = (): Netrc => {
    if (netrc === undefined) {
      netrc = options.readNetrc?.() ?? { entries: [] };
      if (netrc.warning !== undefined) options.http?.onDiagnostic?.(`warning: ${netrc.warning}`);
    }
    return netrc;
  };
  const { base, credentials } = httpAccess(options.url, readNetrc);
  const http = openHttp({ ...options.http, credentials });
  return new HttpObjects(http, base, readNetrc);
}

class HttpObjects implements Objects {
  readonly uri: string;
  readonly concurrency: number;
  readonly #http: HttpClient;
  readonly #base: URL;
  readonly #readNetrc: () => Netrc;

  constructor(http: HttpClient, base: URL, readNetrc: () => Netrc) {
    this.#http = http;
    this.#base = base;
    this.#readNetrc = readNetrc;
    this.uri = printUrl(base).replace(/\/$/, '');
    this.concurrency = http.concurrency;
  }

  async read(key: string, { bytesMax, signal }: ReadOptions): Promise<Uint8Array | undefined> {
    const url = this.#url(key);
    const headers = { 'accept-encoding': acceptedEncodings };
    const response = await this.#ask('GET', url, { headers, isShort: true, signal });
    if (this.#isAbsent(response, key)) return undefined;
    this.#throwUnless(response, 'fetch', url);
    try {
      return await readWhole(response, printUrl(url), bytesMax, signal);
    } finally {
      response.discard();
    }
  }

  async get(reference: string, options: GetOptions = {}): Promise<ObjectBody | undefined> {
    const { sizeHint, signal } = options;
    const url = this.#resolve(reference);
    const isShort = sizeHint !== undefined && sizeHint <= SHARED_BYTES_MAX;
    const response = await this.#ask('GET', url, { isShort, signal });
    if (this.#isAbsent(response, reference)) return undefined;
    this.#throwUnless(response, 'fetch', url);
    const encoding = response.headers.get('content-encoding');
    if (encodingsOf(encoding).length === 0) return { size: response.size, bytes: response.bytes };
    try {
      return { bytes: decodeContent(encoding, response.bytes, { signal, name: printUrl(url) }) };
    } catch (error) {
      response.discard();
      throw error;
    }
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectHead | undefined> {
    const response = await this.#head(this.#url(key), signal);
    if (this.#isAbsent(response, key)) return undefined;
    this.#throwUnless(response, 'look for', this.#url(key));
    return sizeOf(response);
  }

  async put(
    key: string,
    contents: Uint8Array | SpooledFile,
    { contentType, contentEncoding, signal }: PutOptions,
  ): Promise<void> {
    const url = this.#url(key);
    const headers = {
      'content-type': contentType,
      ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }),
    };
    const body = contents instanceof Uint8Array ? bytesBody(contents) : fileBody(contents);
    const response = await this.#ask('PUT', url, { headers, body, signal });
    response.discard();
    this.#throwUnless(response, 'upload', url);
    await this.#verify(url, contents, contentEncoding, signal);
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    const url = this.#url(key);
    const response = await this.#ask('DELETE', url, { signal });
    response.discard();
    if (response.status !== 404 && response.status !== 410) {
      this.#throwUnless(response, 'delete', url);
    }
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#http[Symbol.asyncDispose]();
  }

  async #verify(
    url: URL,
    contents: Uint8Array | SpooledFile,
    contentEncoding: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    for (const ms of [0, ...ARRIVAL_PAUSES_MS]) {
      if (ms > 0) await pause(ms, signal);
      // What stands before the server may remember that there was nothing.
      const response = await this.#head(url, signal, { 'cache-control': 'no-cache' });
      response.discard();
      // Who may write need not be allowed to read.
      if ([401, 403, 405, 501].includes(response.status)) return;
      if (isSuccess(response.status)) {
        checkArrived(response, contents, { name: printUrl(url), contentEncoding });
        return;
      }
      if (!isAbsence(response.status)) this.#throwUnless(response, 'look for', url);
    }
    throw new FerryError(
      'corrupt',
      `cannot upload "${printUrl(url)}": the server took it, and doesn't have it`,
    );
  }

  /** By GET of nothing much, where the server knows no HEAD. */
  async #head(
    url: URL,
    signal: AbortSignal | undefined,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpResponse> {
    const response = await this.#ask('HEAD', url, { headers, isShort: true, signal });
    response.discard();
    if (response.status !== 405 && response.status !== 501) return response;
    const part = await this.#ask('GET', url, { headers, range: { start: 0, end: 0 }, signal });
    part.discard();
    return part;
  }

  async #ask(method: HttpMethod, url: URL, request: HttpRequest): Promise<HttpResponse> {
    return await this.#http.request(method, url, request);
  }

  /** 403 is what S3 says of what isn't there, to those who may not list. A cache without its first file isn't one. */
  #isAbsent(response: HttpResponse, key: string): boolean {
    const { status } = response;
    if (!isAbsence(status) || (status === 403 && key === 'nix-cache-info')) return false;
    response.discard();
    return true;
  }

  #throwUnless(response: HttpResponse, doing: string, url: URL): void {
    if (isSuccess(response.status)) return;
    response.discard();
    const { unreadable } = this.#readNetrc();
    throw answerError(response.status, { doing, name: printUrl(url), store: this.uri, unreadable });
  }

  #url(key: string): URL {
    checkObjectKey(key);
    const path = key.replace(/[^A-Za-z0-9/+=._~!$&'()*,;:@-]/gu, encodeURIComponent);
    // Without the dot a colon in the first part would make it a scheme.
    return new URL(`./${path}`, this.#base);
  }

  /** @throws FerryError `corrupt`: a reference is what a narinfo has. */
  #resolve(reference: string): URL {
    try {
      if (reference === '' || /[\x00-\x20\x7f]/.test(reference)) throw new Error('it is malformed');
      return parseHttpUrl(reference, this.#base);
    } catch {
      const shown = JSON.stringify(
        reference
          .slice(0, 200)
          .replace(/\/\/[^/]*@/, '//')
          .replace(/\?.*/s, '?…'),
      );
      throw new FerryError('corrupt', `${shown} in "${this.uri}" is no URL of an object`);
    }
  }
}

function sizeOf({ status, size, headers }: HttpResponse): ObjectHead {
  if (encodingsOf(headers.get('content-encoding')).length > 0) return {};
  if (status !== 206) return { size };
  const whole = /\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1];
  return whole === undefined ? {} : { size: Number(whole) };
}

async function readWhole(
  response: HttpResponse,
  name: string,
  bytesMax: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const encoding = response.headers.get('content-encoding');
  const isEncoded = encodingsOf(encoding).length > 0;
  const tooLong = (): FerryError =>
    new FerryError('corrupt', `cannot fetch "${name}": it has more than ${bytesMax} bytes`);
  const transferMax = isEncoded ? bytesMax + ENCODING_SLACK_BYTES : bytesMax;
  if (response.size !== undefined && response.size > transferMax) throw tooLong();
  let transferred = 0;
  const bounded = async function* bounded(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of response.bytes) {
      transferred += chunk.length;
      if (transferred > transferMax) throw tooLong();
      yield chunk;
    }
  };
  const chunks: Uint8Array[] = [];
  for await (const chunk of decodeContent(encoding, bounded(), { bytesMax, signal, name })) {
    chunks.push(chunk);
  }
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : new Uint8Array(Buffer.concat(chunks));
}

/** In pieces: how long the server may stay silent is counted from the last one. */
function bytesBody(bytes: Uint8Array): HttpBody | Uint8Array {
  if (bytes.length <= CHUNK_BYTES) return bytes;
  return {
    size: bytes.length,
    open: async function* read() {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        yield bytes.subarray(at, at + CHUNK_BYTES);
      }
    },
  };
}

function fileBody({ file, size }: SpooledFile): HttpBody {
  return {
    size,
    open: async function* read() {
      try {
        await using handle = await open(file, 'r');
        for (let at = 0; at < size; ) {
          const chunk = new Uint8Array(Math.min(CHUNK_BYTES, size - at));
          const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
          if (bytesRead === 0) {
            throw new FerryError('corrupt', `cannot read "${file}": it has become shorter`);
          }
          at += bytesRead;
          yield chunk.subarray(0, bytesRead);
        }
      } catch (error) {
        throw translateOsError(error, 'read', file);
      }
    },
  };
}
