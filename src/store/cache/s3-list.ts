/** The keys of a bucket, page by page. */
import { FerryError } from '../../error.ts';
import type { S3Connection, S3Request } from './s3-connection.ts';

/** All that begin with `prefix`, in the order of the server. */
export async function* listKeys(
  connection: S3Connection,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, undefined> {
  const { bucket, uri } = connection.location;
  const request: S3Request = { doing: 'list', key: '', signal };
  let token: string | undefined;
  for (;;) {
    const page = await connection.run(request, ({ sdk, client, options }) =>
      client.send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          Prefix: prefix,
          // XML has no way to write some characters that keys may have.
          EncodingType: 'url',
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
        options,
      ),
    );
    for (const { Key: key } of page.Contents ?? []) {
      if (key !== undefined) yield page.EncodingType === 'url' ? decodeKey(key) : key;
    }
    const next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    if (next === undefined) return;
    if (next === token) {
      throw new FerryError('protocol', `cannot list "${uri}": the same page comes again and again`);
    }
    token = next;
  }
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
