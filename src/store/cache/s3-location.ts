/**
 * Where an S3 cache lies, as its URI says it: `s3://BUCKET[/PREFIX]?PARAMETERS` (Nix manual, "S3 Binary Cache Store").
 * Parameters are Nix's, and mean what they mean there; what differs is said at each.
 */
import { numberParameter, booleanParameter, type Parameters } from '../../config/store-uri.ts';
import type { Variables } from '../../config/environment.ts';
import { FerryError } from '../../error.ts';

export interface S3Location {
  readonly bucket: string;
  /** What all keys begin with: empty, or ending with a slash. */
  readonly prefix: string;
  /** How messages name it. */
  readonly uri: string;
  /** Which cache it is, among those with buckets of the same name on other servers. */
  readonly identity: string;
  /** Undefined where nobody said: then a bucket elsewhere is followed to its region. */
  readonly region: string | undefined;
  /** A server that isn't Amazon's: an origin, possibly with a path. */
  readonly endpoint: string | undefined;
  /** Whether the bucket is the first part of the path (else of the host name). */
  readonly isPathStyle: boolean;
  /** Whether TLS is used. */
  readonly isEncrypted: boolean;
  /** Credentials are those of this profile of the AWS configuration and no others. */
  readonly profile: string | undefined;
  readonly upload: S3UploadLimits;
  readonly storageClass: string | undefined;
}

export interface S3UploadLimits {
  /** Larger files are sent in parts; undefined: none is. */
  readonly multipartThresholdBytes: number | undefined;
  /** The least size of a part. */
  readonly partBytes: number;
}

export const s3Parameters: readonly string[] = [
  'profile',
  'region',
  'scheme',
  'endpoint',
  'addressing-style',
  'multipart-upload',
  'multipart-chunk-size',
  'buffer-size',
  'multipart-threshold',
  'storage-class',
];

const MIB = 1024 * 1024;
/** Limits of S3 itself ("Amazon S3 multipart upload limits"). */
const PART_BYTES_MIN = 5 * MIB;
const PART_BYTES_MAX = 5 * 1024 * MIB;
const PART_BYTES_DEFAULT = 8 * MIB;
const THRESHOLD_DEFAULT = 100 * MIB;

/**
 * @param variables `AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL` count where the URI
 *   doesn't say it.
 * @throws FerryError `usage`
 */
export function locateS3(
  uri: { readonly authority: string; readonly path: string; readonly parameters: Parameters },
  variables: Variables,
): S3Location {
  const { parameters } = uri;
  const bucket = parseBucket(uri.authority);
  const prefix = parsePrefix(uri.path);
  const name = `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`;
  const wanted = (text: string, why: string): FerryError =>
    new FerryError('usage', `cannot open "${name}": ${text} ${why}`);
  const scheme = parameters.get('scheme') ?? 'https';
  if (scheme !== 'https' && scheme !== 'http') {
    throw wanted(`scheme=${scheme}`, 'is neither http nor https');
  }
  const endpoint = parseEndpoint(
    nonEmpty(parameters.get('endpoint')) ??
      nonEmpty(variables['AWS_ENDPOINT_URL_S3']) ??
      nonEmpty(variables['AWS_ENDPOINT_URL']),
    scheme,
    name,
  );
  const style = parameters.get('addressing-style') ?? 'auto';
  if (style !== 'auto' && style !== 'path' && style !== 'virtual') {
    throw wanted(`addressing-style=${style}`, 'is none of auto, path and virtual');
  }
  if (style === 'virtual' && bucket.includes('.') && endpoint === undefined) {
    throw new FerryError(
      'usage',
      `cannot open "${name}": the certificates of Amazon don't hold for a bucket with a dot as part of the host name`,
      { hint: 'leave out addressing-style=virtual' },
    );
  }
  const region =
    nonEmpty(parameters.get('region')) ??
    nonEmpty(variables['AWS_REGION']) ??
    nonEmpty(variables['AWS_DEFAULT_REGION']);
  if (region !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(region)) {
    throw wanted(`"${region}"`, 'is not the name of a region');
  }
  return {
    bucket,
    prefix,
    uri: name,
    // What came without encryption must not be believed where it is wanted with it.
    identity:
      endpoint === undefined
        ? `${name}${scheme === 'http' ? '?scheme=http' : ''}`
        : `${name}?endpoint=${endpoint}`,
    region,
    endpoint,
    isPathStyle:
      style === 'path' || (style === 'auto' && (endpoint !== undefined || bucket.includes('.'))),
    isEncrypted: endpoint === undefined ? scheme === 'https' : endpoint.startsWith('https:'),
    profile: nonEmpty(parameters.get('profile')),
    upload: uploadLimits(parameters, wanted),
    storageClass: parseStorageClass(nonEmpty(parameters.get('storage-class')), wanted),
  };
}

/** Nix has `buffer-size` for what newer releases call `multipart-chunk-size`, and sends no parts unless told to. */
function uploadLimits(
  parameters: Parameters,
  wanted: (text: string, why: string) => FerryError,
): S3UploadLimits {
  const name = parameters.has('multipart-chunk-size') ? 'multipart-chunk-size' : 'buffer-size';
  const partBytes = numberParameter(parameters, name) ?? PART_BYTES_DEFAULT;
  if (partBytes < PART_BYTES_MIN || partBytes > PART_BYTES_MAX) {
    throw wanted(
      `${name}=${partBytes}`,
      `is not between ${PART_BYTES_MIN} and ${PART_BYTES_MAX} bytes, the limits of S3`,
    );
  }
  const threshold = numberParameter(parameters, 'multipart-threshold') ?? THRESHOLD_DEFAULT;
  const isOn = booleanParameter(parameters, 'multipart-upload') ?? true;
  return { multipartThresholdBytes: isOn ? threshold : undefined, partBytes };
}

function parseBucket(authority: string): string {
  // What isn't one may be a secret that got there by mistake: it is not repeated.
  if (authority.includes('@')) {
    throw new FerryError('usage', 'cannot open an s3:// store: its URI has credentials in it', {
      hint: 'credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from a profile: ?profile=NAME',
    });
  }
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(authority)) return authority;
  throw new FerryError('usage', `"s3://${authority}" does not name a bucket`, {
    hint: 'a bucket has letters, digits, dots and hyphens; ports go into endpoint=',
  });
}

function parsePrefix(path: string): string {
  const parts = path.replace(/^\//, '').replace(/\/$/, '').split('/').map(decode);
  if (parts.length === 1 && parts[0] === '') return '';
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\0/]/.test(part))) {
    throw new FerryError('usage', `"${path}" can't be the folder of a cache in a bucket`);
  }
  return `${parts.join('/')}/`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new FerryError('usage', `"${part}" has a malformed percent escape`);
  }
}

/** A whole URL, or as older releases of Nix have it `host[:port]`, to which `scheme` belongs. */
function parseEndpoint(
  text: string | undefined,
  scheme: 'http' | 'https',
  name: string,
): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `${scheme}://${text}`);
  const isBare = url !== null && url.username === '' && url.password === '';
  // Not repeated in the message: it may have a password in it.
  if (!isBare || url.search !== '' || url.hash !== '' || url.hostname === '') {
    throw new FerryError('usage', `cannot open "${name}": its endpoint is no URL of a server`, {
      hint: 'an endpoint is written https://HOST[:PORT] or HOST[:PORT], without credentials',
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function parseStorageClass(
  text: string | undefined,
  wanted: (text: string, why: string) => FerryError,
): string | undefined {
  // Which ones there are is for the server to say, and grows.
  if (text === undefined || /^[A-Z0-9_]{1,64}$/.test(text)) return text;
  throw wanted(`storage-class="${text}"`, 'is not the name of a storage class');
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
