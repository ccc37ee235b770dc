/**
 * Whether an object that was uploaded is what was sent. Servers mostly name a version by the MD5 of its bytes, or of
 * the MD5s of its parts; encryption with keys of one's own, and some servers, make it something else of the same form:
 * then the bytes are read back.
 */
import { FerryError } from '../../error.ts';
import { formatHash, hashesEqual, StreamingHash, type Hash } from '../../format/hash.ts';
import { openObject, readOpened } from './s3-download.ts';
import { describeFailure } from './s3-errors.ts';
import type { S3Connection, S3Request } from './s3-connection.ts';

/** What was sent, and what the server said to it. */
export interface Upload {
  readonly size: number;
  readonly sha256: Hash;
  /** The ETag that it has with most servers, without quotes. */
  readonly etag: string;
  readonly answer: EtagAnswer;
}

export interface EtagAnswer {
  readonly ETag?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
  readonly SSECustomerAlgorithm?: string | undefined;
}

/** Connections whose server has other ETags, as the bytes read back were right. */
const otherwise = new WeakSet<S3Connection>();

/** @throws FerryError `corrupt` */
export async function verifyUpload(
  connection: S3Connection,
  request: S3Request,
  upload: Upload,
): Promise<void> {
  // For a whole object the answer says all there is to know.
  if (plain(upload.answer.ETag) === upload.etag && !upload.etag.includes('-')) return;
  const head = await headAfter(connection, request);
  if (head === undefined) return;
  if (head.ContentLength !== undefined && head.ContentLength !== upload.size) {
    throw wrong(
      connection,
      request,
      `it has ${head.ContentLength} bytes there, not ${upload.size}`,
    );
  }
  const etag = plain(head.ETag);
  if (etag === upload.etag || !isMd5Form(etag, upload.etag)) return;
  if (isEncryptedOtherwise(head) || isEncryptedOtherwise(upload.answer)) return;
  if (otherwise.has(connection)) return;
  const sha256 = await readBack(connection, request);
  if (!hashesEqual(sha256, upload.sha256)) {
    throw wrong(
      connection,
      request,
      `what is there has ${formatHash(sha256)}, and ${formatHash(upload.sha256)} was sent`,
    );
  }
  otherwise.add(connection);
}

type Head = EtagAnswer & { readonly ContentLength?: number | undefined };

/** Undefined for those who may write and not read. */
async function headAfter(connection: S3Connection, request: S3Request): Promise<Head | undefined> {
  const asked: S3Request = { ...request, doing: 'verify' };
  try {
    return await connection.attempt(asked, ({ sdk, client, options }) =>
      client.send(
        new sdk.HeadObjectCommand({ Bucket: connection.location.bucket, Key: request.key }),
        options,
      ),
    );
  } catch (error) {
    request.signal?.throwIfAborted();
    const { status } = describeFailure(error);
    if (status === 403) return undefined;
    if (status === 404) throw wrong(connection, request, "the server took it, and doesn't have it");
    throw connection.translate(error, asked);
  }
}

async function readBack(connection: S3Connection, request: S3Request): Promise<Hash> {
  const asked: S3Request = { ...request, doing: 'verify' };
  const hash = new StreamingHash();
  try {
    const opened = await openObject(connection, asked);
    for await (const chunk of readOpened(connection, asked, opened)) hash.update(chunk);
  } catch (error) {
    request.signal?.throwIfAborted();
    throw connection.translate(error, asked);
  }
  return hash.finish();
}

function plain(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '').toLowerCase();
}

function isMd5Form(etag: string, like: string): boolean {
  const count = /^[0-9a-f]{32}(-\d+)?$/.exec(like)?.[1] ?? '';
  return new RegExp(`^[0-9a-f]{32}${count}$`).test(etag);
}

function isEncryptedOtherwise(answer: EtagAnswer): boolean {
  const { ServerSideEncryption: encryption, SSECustomerAlgorithm: own } = answer;
  return own !== undefined || (encryption !== undefined && encryption !== 'AES256');
}

function wrong({ location }: S3Connection, { key }: S3Request, why: string): FerryError {
  return new FerryError('corrupt', `cannot write "${location.uri}/${key}": ${why}`, {
    store: location.uri,
  });
}
