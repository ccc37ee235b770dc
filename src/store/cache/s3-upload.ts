/**
 * One object to S3: at once, or a large file in parts. Each request carries the MD5 of its bytes, which the server
 * compares; what it then has is compared with what was sent once more.
 */
import { createReadStream, type ReadStream } from 'node:fs';
import { encodeBase16 } from '../../bytes/base16.ts';
import { encodeBase64 } from '../../bytes/base64.ts';
import { FerryError } from '../../error.ts';
import { hashBytes, StreamingHash, type Hash } from '../../format/hash.ts';
import { translateOsError } from '../../system/os-error.ts';
import type { PutOptions, SpooledFile } from './objects.ts';
import type { S3Connection, S3Request } from './s3-connection.ts';
import { sendParts } from './s3-multipart.ts';
import { objectHeaders, payloadHashHeader } from './s3-put-headers.ts';
import type { Turns } from './s3-turns.ts';
import { verifyUpload, type Upload } from './s3-verify.ts';

export interface UploadOptions extends PutOptions {
  /** For parts in memory. */
  readonly partTurns: Turns;
}

const READ_BYTES = 1024 * 1024;

/** @throws FerryError as `Objects.put` has it. */
export async function uploadObject(
  connection: S3Connection,
  request: S3Request,
  contents: Uint8Array | SpooledFile,
  options: UploadOptions,
): Promise<void> {
  const { multipartThresholdBytes } = connection.location.upload;
  const inParts =
    !(contents instanceof Uint8Array) &&
    multipartThresholdBytes !== undefined &&
    contents.size > multipartThresholdBytes;
  const upload = inParts
    ? await sendParts(connection, request, contents, options)
    : await sendWhole(connection, request, contents, options);
  await verifyUpload(connection, request, upload);
}

async function sendWhole(
  connection: S3Connection,
  request: S3Request,
  contents: Uint8Array | SpooledFile,
  options: UploadOptions,
): Promise<Upload> {
  const { location } = connection;
  const isBytes = contents instanceof Uint8Array;
  const size = isBytes ? contents.length : contents.size;
  const sha256 = isBytes ? hashBytes('sha256', contents) : contents.sha256;
  const md5 = isBytes ? hashBytes('md5', contents) : await md5OfFile(contents, request.signal);
  const answer = await connection.run(request, ({ sdk, client, options: sendOptions }) => {
    const command = new sdk.PutObjectCommand({
      Bucket: location.bucket,
      Key: request.key,
      // A file is read anew for each attempt.
      Body: isBytes ? contents : openFile(contents),
      ContentLength: size,
      ContentMD5: encodeBase64(md5.digest),
      ...objectHeaders(location, options),
    });
    // Part of what is signed: no other bytes are taken.
    command.middlewareStack.add(payloadHashHeader(encodeBase16(sha256.digest)), { step: 'build' });
    return client.send(command, sendOptions);
  });
  return { size, sha256, etag: encodeBase16(md5.digest), answer };
}

function openFile({ file }: SpooledFile): ReadStream {
  return createReadStream(file, { highWaterMark: READ_BYTES });
}

async function md5OfFile(contents: SpooledFile, signal: AbortSignal | undefined): Promise<Hash> {
  const hash = new StreamingHash('md5');
  try {
    for await (const chunk of openFile(contents)) {
      signal?.throwIfAborted();
      hash.update(chunk as Uint8Array);
    }
  } catch (error) {
    throw translateOsError(error, 'read', contents.file);
  }
  if (hash.size === contents.size) return hash.finish();
  throw new FerryError(
    'conflict',
    `cannot send "${contents.file}": it has ${hash.size} bytes now and had ${contents.size}`,
  );
}
