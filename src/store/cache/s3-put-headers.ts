/** Headers of what is uploaded to S3. */
import type { PutOptions } from './objects.ts';
import type { S3Location } from './s3-location.ts';

/** As the SDK's commands for whole objects and for the begin of a multipart upload want them. */
export interface ObjectHeaders {
  readonly ContentType: string;
  readonly ContentEncoding?: string;
  readonly StorageClass?: never;
}

export function objectHeaders(
  { storageClass }: S3Location,
  { contentType, contentEncoding }: PutOptions,
): ObjectHeaders {
  return {
    ContentType: contentType,
    ...(contentEncoding === undefined ? {} : { ContentEncoding: contentEncoding }),
    // The SDK's list of them is closed, that of servers isn't.
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as never }),
  };
}

/** For a command's `middlewareStack`, at the step `build`: what comes after it signs. */
export function payloadHashHeader(
  value: string,
): <Args extends { request: unknown }, Result>(
  next: (args: Args) => Promise<Result>,
) => (args: Args) => Promise<Result> {
  return (next) => (args) => {
    const { headers } = args.request as { headers: Record<string, string> };
    headers['x-amz-content-sha256'] = value;
    return next(args);
  };
}
