/**
 * A large file to S3 in parts, several on their way at once. Nothing is visible before the last step, and nothing
 * stays when it isn't reached, but for a program that is killed: then the parts stay until a rule of the bucket
 * (`AbortIncompleteMultipartUpload`) removes them.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { encodeBase16 } from '../../bytes/base16.ts';
import { encodeBase64 } from '../../bytes/base64.ts';
import { FerryError } from '../../error.ts';
import { hashBytes, StreamingHash } from '../../format/hash.ts';
import { translateOsError } from '../../system/os-error.ts';
import { pause, unlessAborted } from '../../system/pause.ts';
import type { PutOptions, SpooledFile } from './objects.ts';
import { describeFailure } from './s3-errors.ts';
import type { S3Connection, S3Request } from './s3-connection.ts';
import { objectHeaders, payloadHashHeader } from './s3-put-headers.ts';
import type { Turns } from './s3-turns.ts';
import type { EtagAnswer, Upload } from './s3-verify.ts';

export interface PartOptions extends PutOptions {
  /** How many parts are in memory at once, over all uploads. */
  readonly partTurns: Turns;
}

/** "Amazon S3 multipart upload limits". */
const PARTS_MAX = 10_000;
const SIZE_MAX = 5 * 1024 ** 4;
const MIB = 1024 * 1024;
const PARTS_AT_ONCE = 4;
/** An abort is to be felt within a second; removing what was begun goes on behind it. */
const CLEANUP_WAIT_MS = 500;
const BUSY_PAUSE_MS = 100;
const BUSY_ATTEMPTS_MAX = 30;

/** @throws FerryError `unsupported` for a file that is larger than objects can be. */
export async function sendParts(
  connection: S3Connection,
  request: S3Request,
  contents: SpooledFile,
  options: PartOptions,
): Promise<Upload> {
  if (contents.size > SIZE_MAX) {
    throw new FerryError(
      'unsupported',
      `cannot write "${connection.location.uri}/${request.key}": ${contents.size} bytes are more than an object of S3 can have`,
    );
  }
  await using file = await openFile(contents);
  const uploadId = await begin(connection, request, options);
  const stop = new AbortController();
  const signal =
    request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
  const upload = new PartedUpload(connection, { ...request, signal }, uploadId, file, contents);
  try {
    const md5s = await upload.sendAll(options.partTurns, stop);
    return await upload.complete(md5s);
  } catch (error) {
    const removed = remove(connection, request, uploadId);
    await Promise.race([removed, pause(CLEANUP_WAIT_MS)]);
    request.signal?.throwIfAborted();
    throw error;
  }
}

/** The least multiple of a MiB with which there are not too many parts, or `partBytes` where that is more. */
export function partSizeFor(size: number, partBytes: number): number {
  const needed = Math.ceil(Math.ceil(size / PARTS_MAX) / MIB) * MIB;
  return Math.max(partBytes, needed);
}

async function openFile({ file }: SpooledFile): Promise<FileHandle> {
  try {
    return await open(file);
  } catch (error) {
    throw translateOsError(error, 'read', file);
  }
}

async function begin(
  connection: S3Connection,
  request: S3Request,
  options: PartOptions,
): Promise<string> {
  const { location } = connection;
  request.signal?.throwIfAborted();
  // Without the signal: an upload that began, and whose name never came to us, could not be removed.
  const begun = connection
    .run({ ...request, signal: undefined }, ({ sdk, client, options: sendOptions }) =>
      client.send(
        new sdk.CreateMultipartUploadCommand({
          Bucket: location.bucket,
          Key: request.key,
          ...objectHeaders(location, options),
        }),
        sendOptions,
      ),
    )
    .then(({ UploadId: id }) => {
      if (id !== undefined && id !== '') return id;
      throw new FerryError('protocol', `cannot write "${request.key}": the upload has no name`);
    });
  try {
    return await unlessAborted(begun, request.signal);
  } catch (error) {
    if (request.signal?.aborted === true) {
      const removed = connection.cleanUp(async () => {
        const id = await begun.catch(() => undefined);
        if (id !== undefined) await remove(connection, request, id);
      });
      await Promise.race([removed, pause(CLEANUP_WAIT_MS)]);
    }
    throw error;
  }
}

/** Until the server says that there is no such upload, or that it is gone. */
function remove(connection: S3Connection, request: S3Request, uploadId: string): Promise<void> {
  return connection.cleanUp(async (signal) => {
    const asked: S3Request = { ...request, doing: 'clean up', signal };
    const named = { Bucket: connection.location.bucket, Key: request.key, UploadId: uploadId };
    for (let attempt = 1; ; attempt += 1) {
      try {
        await connection.attempt(asked, ({ sdk, client, options }) =>
          client.send(new sdk.AbortMultipartUploadCommand(named), options),
        );
        return;
      } catch (error) {
        signal.throwIfAborted();
        const { status, code } = describeFailure(error);
        // Completed or removed before, unbeknownst to us.
        if (code === 'NoSuchUpload') return;
        // It is still busy with what we asked for before. Servers have various codes for that.
        if (status !== 409 || attempt === BUSY_ATTEMPTS_MAX) throw error;
        await pause(BUSY_PAUSE_MS, signal);
      }
    }
  });
}

class PartedUpload {
  readonly #connection: S3Connection;
  readonly #request: S3Request;
  readonly #uploadId: string;
  readonly #file: FileHandle;
  readonly #contents: SpooledFile;
  readonly #etags: string[] = [];

  constructor(
    connection: S3Connection,
    request: S3Request,
    uploadId: string,
    file: FileHandle,
    contents: SpooledFile,
  ) {
    this.#connection = connection;
    this.#request = request;
    this.#uploadId = uploadId;
    this.#file = file;
    this.#contents = contents;
  }

  /** @returns the MD5 of each part. */
  async sendAll(turns: Turns, stop: AbortController): Promise<Uint8Array[]> {
    const { size } = this.#contents;
    const partSize = partSizeFor(size, this.#connection.location.upload.partBytes);
    const count = Math.max(1, Math.ceil(size / partSize));
    const md5s: Uint8Array[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < count) {
        const index = next;
        next += 1;
        const at = index * partSize;
        const length = Math.min(partSize, size - at);
        md5s[index] = await turns.take(() => this.#send(index, at, length), this.#request.signal);
      }
    };
    const lanes = Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, async () => {
      try {
        await lane();
      } catch (error) {
        // The other parts are of no more use. The first error is the one that counts.
        stop.abort(error);
        throw error;
      }
    });
    const results = await Promise.allSettled(lanes);
    if (results.some(({ status }) => status === 'rejected')) this.#request.signal?.throwIfAborted();
    return md5s;
  }

  async complete(md5s: readonly Uint8Array[]): Promise<Upload> {
    const { location } = this.#connection;
    const hash = new StreamingHash('md5');
    for (const md5 of md5s) hash.update(md5);
    const etag = `${encodeBase16(hash.finish().digest)}-${md5s.length}`;
    let attempts = 0;
    const answer = await this.#connection.run(this.#request, async ({ sdk, client, options }) => {
      attempts += 1;
      const parts = this.#etags.map((part, index) => ({ ETag: part, PartNumber: index + 1 }));
      const command = new sdk.CompleteMultipartUploadCommand({
        Bucket: location.bucket,
        Key: this.#request.key,
        UploadId: this.#uploadId,
        MultipartUpload: { Parts: parts },
      });
      try {
        return await client.send(command, options);
      } catch (error) {
        // An attempt whose answer was lost had done it: what is there now is compared next.
        const isDone = attempts > 1 && describeFailure(error).code === 'NoSuchUpload';
        if (isDone) return {} satisfies EtagAnswer;
        throw error;
      }
    });
    const { size, sha256 } = this.#contents;
    return { size, sha256, etag, answer };
  }

  async #send(index: number, at: number, length: number): Promise<Uint8Array> {
    const { location } = this.#connection;
    const body = await this.#read(at, length);
    const { digest } = hashBytes('md5', body);
    const { ETag: etag } = await this.#connection.run(this.#request, ({ sdk, client, options }) => {
      const command = new sdk.UploadPartCommand({
        Bucket: location.bucket,
        Key: this.#request.key,
        UploadId: this.#uploadId,
        PartNumber: index + 1,
        Body: body,
        ContentLength: length,
        ContentMD5: encodeBase64(digest),
      });
      // TLS holds bytes and request together; without it the signature has to, and is taken of all of them.
      if (location.isEncrypted) {
        command.middlewareStack.add(payloadHashHeader('UNSIGNED-PAYLOAD'), { step: 'build' });
      }
      return client.send(command, options);
    });
    if (etag === undefined) {
      throw new FerryError('protocol', `cannot write "${this.#request.key}": a part has no ETag`);
    }
    this.#etags[index] = etag;
    return digest;
  }

  async #read(at: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const { file } = this.#contents;
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file
        .read(bytes, done, length - done, at + done)
        .catch((error: unknown) => {
          throw translateOsError(error, 'read', file);
        });
      if (bytesRead === 0) {
        throw new FerryError('conflict', `cannot send "${file}": it is shorter than it was`);
      }
      done += bytesRead;
    }
    return bytes;
  }
}
