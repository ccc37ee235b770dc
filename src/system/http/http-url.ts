/** URLs of HTTP as they are asked for, and as messages may name them: without passwords and without what signs them. */
import { FerryError } from '../../error.ts';

/** What Basic authentication sends. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const URL_CHARACTERS_MAX = 16_384;

/**
 * @param base what a relative reference is relative to.
 * @throws FerryError `usage` for what is no http or https URL; the message has none of its secrets.
 */
export function parseHttpUrl(text: string, base?: URL): URL {
  const url = text.length > URL_CHARACTERS_MAX ? null : URL.parse(text, base);
  if (url === null) throw new FerryError('usage', `"${printText(text)}" is not a URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new FerryError('usage', `cannot fetch "${printUrl(url)}": it is no http or https URL`);
  }
  return url;
}

/** How messages name it: a query may hold a signature that lets anyone in, and user and password do. */
export function printUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`;
}

/** A text that may hold a password, though it isn't a URL. */
function printText(text: string): string {
  return text
    .slice(0, 200)
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/\/\/[^/]*@/, '//')
    .replace(/\?.*/, '?…');
}

/** The credentials in a URL, and the URL without them. @throws FerryError `usage` for malformed escapes in them. */
export function splitCredentials(url: URL): { url: URL; credentials?: Credentials } {
  if (url.username === '' && url.password === '') return { url };
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  try {
    const user = decodeURIComponent(url.username);
    const password = decodeURIComponent(url.password);
    return { url: bare, credentials: { user, password } };
  } catch {
    throw new FerryError(
      'usage',
      `"${printUrl(url)}" has a malformed escape in its user or password`,
    );
  }
}

/** The header's value for Basic authentication (RFC 7617, in UTF-8). */
export function basicAuthorization({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}
