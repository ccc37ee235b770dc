/**
 * A binary cache in a bucket of S3, or of a server that speaks its protocol: `s3://BUCKET[/PREFIX]`. Where it lies is
 * the matter of `s3-location.ts`, whose requests they are that of `s3-credentials.ts`.
 */
import type { Variables } from '../../config/environment.ts';
import type { Parameters } from '../../config/store-uri.ts';
import { FerryError } from '../../error.ts';
import { parseCompression, type Compression } from '../../format/compression.ts';
import { decompress } from '../../system/compression/decompress.ts';
import type { CallOptions } from '../store.ts';
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
import { S3Connection, type S3ConnectionOptions, type S3Request } from './s3-connection.ts';
import { openObject, readOpened, type OpenedObject } from './s3-download.ts';
import { describeFailure, isAbsent, type S3Failure } from './s3-errors.ts';
import { listKeys } from './s3-list.ts';
import { locateS3 } from './s3-location.ts';
import { Turns } from './s3-turns.ts';
import { uploadObject } from './s3-upload.ts';

export interface S3ObjectsOptions
  extends Omit<S3ConnectionOptions, 'location' | 'concurrency' | 'variables'> {
  readonly authority: string;
  /** From the slash on; what all keys begin with. */
  readonly path: string;
  readonly parameters: Parameters;
  /** `AWS_…`, `https_proxy` and its relatives. */
  readonly variables: Variables;
  /** Requests at the same time, 25 by default. */
  readonly concurrency?: number | undefined;
}

export interface S3Objects extends Objects {
  /** Which cache it is, among those with buckets of the same name on other servers. */
  readonly identity: string;
}

const CONCURRENCY = 25;
const PARTS_BYTES_AT_ONCE = 64 * 1024 * 1024;
/** Whether this is there decides whether there is a cache: "you may not look" is no answer to that. */
const CACHE_INFO = 'nix-cache-info';

/**
 * Nothing is asked for before the first call: the SDK is loaded then.
 * @throws FerryError `usage`
 */
export function openS3Objects(options: S3ObjectsOptions): S3Objects {
  const location = locateS3(options, options.variables);
  const concurrency = options.concurrency ?? CONCURRENCY;
  return new S3ObjectsOfBucket(
    new S3Connection({ ...options, location, concurrency }),
    concurrency,
  );
}

class S3ObjectsOfBucket implements S3Objects {
  readonly uri: string;
  readonly identity: string;
  readonly concurrency: number;
  readonly #connection: S3Connection;
  readonly #partTurns: Turns;

  constructor(connection: S3Connection, concurrency: number) {
    const { location } = connection;
    this.uri = location.uri;
    this.identity = location.identity;
    this.concurrency = concurrency;
    this.#connection = connection;
    const { partBytes } = location.upload;
    this.#partTurns = new Turns(Math.max(1, Math.floor(PARTS_BYTES_AT_ONCE / partBytes)));
  }

  async read(key: string, { bytesMax, signal }: ReadOptions): Promise<Uint8Array | undefined> {
    const request = this.#request('read', key, signal);
    const opened = await this.#open(request, key === CACHE_INFO);
    if (opened === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of this.#decoded(request, opened, bytesMax)) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        throw new FerryError(
          'corrupt',
          `cannot read "${this.uri}/${key}": it has more than ${bytesMax} bytes`,
          { store: this.uri },
        );
      }
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks));
  }

  async get(reference: string, { signal }: GetOptions = {}): Promise<ObjectBody | undefined> {
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(reference)) {
      throw new FerryError(
        'unsupported',
        `cannot read "${reference}": a cache in S3 has its files in its own bucket`,
        { store: this.uri },
      );
    }
    const request = this.#request('read', reference, signal);
    const opened = await this.#open(request, false);
    if (opened === undefined) return undefined;
    const isEncoded = encodingsOf(opened).length > 0;
    return {
      size: isEncoded ? undefined : opened.size,
      bytes: this.#decoded(request, opened),
    };
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectHead | undefined> {
    const request = this.#request('read', key, signal);
    const { bucket } = this.#connection.location;
    try {
      const head = await this.#connection.attempt(request, ({ sdk, client, options }) =>
        client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: request.key }), options),
      );
      return { size: head.ContentLength };
    } catch (error) {
      signal?.throwIfAborted();
      const failure = describeFailure(error);
      if (failure.status === 404) return undefined;
      // An answer to HEAD doesn't say why.
      const isUnclear = failure.status !== undefined && failure.status < 500 && failure.code === '';
      if (isUnclear) return await this.#headByReading(request, key === CACHE_INFO);
      throw this.#connection.translate(error, request);
    }
  }

  async put(key: string, contents: Uint8Array | SpooledFile, options: PutOptions): Promise<void> {
    const request = this.#request('write', key, options.signal);
    await uploadObject(this.#connection, request, contents, {
      ...options,
      partTurns: this.#partTurns,
    });
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<string> {
    const { prefix: own } = this.#connection.location;
    for await (const key of listKeys(this.#connection, `${own}${prefix}`, signal)) {
      if (key.length > own.length) yield key.slice(own.length);
    }
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    const request = this.#request('delete', key, signal);
    const { bucket } = this.#connection.location;
    try {
      await this.#connection.attempt(request, ({ sdk, client, options }) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: request.key }), options),
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (describeFailure(error).code === 'NoSuchKey') return;
      throw this.#connection.translate(error, request);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  #request(doing: string, key: string, signal: AbortSignal | undefined): S3Request {
    signal?.throwIfAborted();
    checkObjectKey(key);
    return { doing, key: `${this.#connection.location.prefix}${key}`, signal };
  }

  async #open(request: S3Request, isCacheInfo: boolean): Promise<OpenedObject | undefined> {
    try {
      return await openObject(this.#connection, request);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (this.#meansAbsent(describeFailure(error), isCacheInfo)) return undefined;
      throw this.#connection.translate(error, request);
    }
  }

  #meansAbsent(failure: S3Failure, isCacheInfo: boolean): boolean {
    return isAbsent(failure) && !(isCacheInfo && failure.status === 403);
  }

  async #headByReading(request: S3Request, isCacheInfo: boolean): Promise<ObjectHead | undefined> {
    const opened = await this.#open(request, isCacheInfo);
    opened?.body.destroy();
    return opened === undefined ? undefined : { size: opened.size };
  }

  #decoded(request: S3Request, opened: OpenedObject, bytesMax?: number): AsyncIterable<Uint8Array> {
    const { signal } = request;
    let bytes: AsyncIterable<Uint8Array> = readOpened(this.#connection, request, opened);
    for (const encoding of encodingsOf(opened).reverse()) {
      const compression = compressionOf(encoding);
      if (compression === undefined) {
        opened.body.destroy();
        throw new FerryError(
          'unsupported',
          `cannot read "${this.uri}/${request.key}": unknown Content-Encoding "${encoding}"`,
          { store: this.uri },
        );
      }
      bytes = decompress(compression, bytes, { bytesMax, signal });
    }
    return bytes;
  }
}

/** In the order in which they were done. `aws-chunked` is how it was sent to the server, once. */
function encodingsOf({ contentEncoding }: OpenedObject): string[] {
  return (contentEncoding ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity' && name !== 'aws-chunked');
}

function compressionOf(encoding: string): Compression | undefined {
  return parseCompression(encoding === 'x-gzip' ? 'gzip' : encoding);
}
