/** Whether what the server says it has is what was sent: its size, and hashes where it tells them. */
import { Buffer } from 'node:buffer';
import { FerryError } from '../../error.ts';
import { hashBytes } from '../../format/hash.ts';
import { encodingsOf } from '../../system/http/content-encoding.ts';
import type { HttpResponse } from '../../system/http/http-types.ts';
import type { SpooledFile } from './objects.ts';

export interface SentAs {
  readonly name: string;
  readonly contentEncoding: string | undefined;
}

/**
 * An ETag is not looked at: it may look like an MD5 of the contents and be something else (S3 with encryption).
 * @throws FerryError `corrupt`
 */
export function checkArrived(
  { status, size, headers }: HttpResponse,
  contents: Uint8Array | SpooledFile,
  { name, contentEncoding }: SentAs,
): void {
  const encodings = encodingsOf(headers.get('content-encoding')).join();
  // The server has it encoded otherwise by now, or undoes it for us.
  if (encodings !== encodingsOf(contentEncoding).join()) return;
  const sent = contents instanceof Uint8Array ? contents.length : contents.size;
  if (status !== 206 && size !== undefined && size !== sent) {
    throw new FerryError(
      'corrupt',
      `cannot upload "${name}": ${sent} bytes were sent, and the server has ${size}`,
    );
  }
  const told = toldSha256(headers);
  if (told === undefined) return;
  const { digest } =
    contents instanceof Uint8Array ? hashBytes('sha256', contents) : contents.sha256;
  if (Buffer.compare(told, digest) === 0) return;
  throw new FerryError(
    'corrupt',
    `cannot upload "${name}": the server has it with another SHA-256`,
  );
}

/** RFC 9530, its forerunner RFC 3230, and S3. */
function toldSha256(headers: ReadonlyMap<string, string>): Uint8Array | undefined {
  const field =
    headers.get('repr-digest') ?? headers.get('content-digest') ?? headers.get('digest');
  const text =
    /(?:^|[,\s])sha-256=:?([A-Za-z0-9+/]{43}=):?/i.exec(field ?? '')?.[1] ??
    /^[A-Za-z0-9+/]{43}=$/.exec(headers.get('x-amz-checksum-sha256') ?? '')?.[0];
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}
