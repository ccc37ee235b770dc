/** An object as it comes from S3, gone on with where a connection broke off. */
import type { Readable } from 'node:stream';
import { FerryError, isFerryError } from '../../error.ts';
import { describeFailure, mayPass } from './s3-errors.ts';
import type { S3Connection, S3Request } from './s3-connection.ts';

export interface OpenedObject {
  readonly body: Readable;
  /** Bytes of the whole object, as stored. */
  readonly size: number | undefined;
  /** What names this version of it. */
  readonly etag: string | undefined;
  readonly contentEncoding: string | undefined;
}

/** @throws as the SDK does. Undefined where there is no such object. */
export async function openObject(
  connection: S3Connection,
  request: S3Request,
  from?: { readonly at: number; readonly etag: string },
): Promise<OpenedObject> {
  const { bucket } = connection.location;
  const found = await connection.attempt(request, ({ sdk, client, options }) =>
    client.send(
      new sdk.GetObjectCommand({
        Bucket: bucket,
        Key: request.key,
        ...(from === undefined ? {} : { Range: `bytes=${from.at}-`, IfMatch: from.etag }),
      }),
      options,
    ),
  );
  const { Body: body, ContentLength: length, ContentRange: range, ETag: etag } = found;
  if (body === undefined) throw new FerryError('protocol', `cannot read "${request.key}": no body`);
  const opened = { body: body as Readable, etag, contentEncoding: found.ContentEncoding };
  // Before there is a reader nobody else would hear that it broke off, which then ends the whole program.
  opened.body.on('error', () => {});
  if (from === undefined) return { ...opened, size: length };
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range ?? '');
  if (match?.[1] === String(from.at)) return { ...opened, size: undefined };
  opened.body.destroy();
  throw new FerryError(
    'unavailable',
    `cannot read "${connection.location.uri}/${request.key}": the connection was lost, and the server doesn't go on in the middle`,
  );
}

/**
 * The bytes of an object that was opened. A reader who stops early ends the request.
 * @throws FerryError `unavailable` when it breaks off again and again, `conflict` when it became another meanwhile.
 */
export async function* readOpened(
  connection: S3Connection,
  request: S3Request,
  opened: OpenedObject,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, etag } = opened;
  const { signal } = request;
  let { body } = opened;
  let at = 0;
  let failedAt = -1;
  let failures = 0;
  const onAbort = (): void => void body.destroy(new Error('aborted'));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    for (;;) {
      let problem: unknown;
      try {
        for await (const chunk of body as AsyncIterable<Uint8Array>) {
          at += chunk.length;
          if (size !== undefined && at > size) throw tooLong(connection, request, size);
          yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        }
        if (size === undefined || at === size) return;
      } catch (error) {
        if (isFerryError(error)) throw error;
        problem = error;
      }
      signal?.throwIfAborted();
      problem ??= brokenOff();
      failures = at > failedAt ? 1 : failures + 1;
      failedAt = at;
      const failure = describeFailure(problem);
      const isHopeless = etag === undefined || size === undefined || !mayPass(failure);
      if (isHopeless || failures >= connection.attemptsMax) {
        throw connection.translate(problem, request);
      }
      await connection.pauseAfter(failure, failures, request);
      try {
        ({ body } = await openObject(connection, request, { at, etag }));
      } catch (error) {
        signal?.throwIfAborted();
        throw connection.translate(error, request);
      }
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    body.destroy();
  }
}

function brokenOff(): Error {
  return Object.assign(new Error('the connection broke off'), { code: 'ECONNRESET' });
}

function tooLong(connection: S3Connection, { key }: S3Request, size: number): FerryError {
  return new FerryError(
    'protocol',
    `cannot read "${connection.location.uri}/${key}": more came than the ${size} bytes announced`,
  );
}
