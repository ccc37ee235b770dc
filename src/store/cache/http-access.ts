/** Who we are to which server: the password of the cache's URL, those of netrc, and to whom neither is told. */
import { findNetrc, type Netrc } from '../../config/netrc.ts';
import type { HttpOptions } from '../../system/http/http-types.ts';
import { parseHttpUrl, splitCredentials, type Credentials } from '../../system/http/http-url.ts';
import { bareHost } from '../../system/http/proxy-rules.ts';

export interface HttpAccess {
  /** The cache's URL without its credentials, with a slash at its end. */
  readonly base: URL;
  readonly credentials: NonNullable<HttpOptions['credentials']>;
}

/**
 * @param text the URL of the cache; its parameters are no part of it.
 * @param readNetrc called when credentials are first needed.
 */
export function httpAccess(text: string, readNetrc: () => Netrc): HttpAccess {
  const { url, credentials: own } = splitCredentials(parseHttpUrl(text));
  const base = new URL(url);
  base.search = '';
  base.hash = '';
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const find = (target: URL, user: string | undefined, isOwn: boolean): Credentials | undefined => {
    const { entries } = readNetrc();
    const query = { user, allowDefault: isOwn };
    const entry = findNetrc(entries, bareHost(target), query);
    return entry && { user: entry.login ?? '', password: entry.password ?? '' };
  };
  return {
    base,
    credentials: (target, isRedirect) => {
      if (target.origin === base.origin && !isRedirect) {
        if (own === undefined) return find(target, undefined, true);
        return own.password === '' ? (find(target, own.user, true) ?? own) : own;
      }
      // Where the cache, not the user, names the host: what is known for exactly this host, and not in the clear.
      if (base.protocol === 'https:' && target.protocol === 'http:') return undefined;
      return find(target, undefined, false);
    },
  };
}
