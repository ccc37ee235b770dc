/** Store URIs as Nix takes them: scheme, authority, path and parameters, `auto`, `local`, `daemon`, or a directory. */
import { FerryError } from '../error.ts';
import { uriWithoutSecrets } from './uri-without-secrets.ts';

export type StoreUri =
  | { readonly kind: 'auto'; readonly parameters: Parameters }
  | { readonly kind: 'local'; readonly root?: string | undefined; readonly parameters: Parameters }
  | {
      readonly kind: 'daemon';
      readonly socket?: string | undefined;
      readonly parameters: Parameters;
    }
  | {
      readonly kind: 'ssh' | 'ssh-ng';
      readonly user?: string | undefined;
      readonly host: string;
      readonly port?: number | undefined;
      readonly parameters: Parameters;
    }
  | { readonly kind: 'file'; readonly path: string; readonly parameters: Parameters }
  | { readonly kind: 'bundle'; readonly path: string; readonly parameters: Parameters }
  | {
      readonly kind: 'http' | 'https' | 's3';
      readonly authority: string;
      readonly path: string;
      readonly parameters: Parameters;
    };

export type Parameters = ReadonlyMap<string, string>;

/** @throws FerryError `usage` */
export function parseStoreUri(text: string): StoreUri {
  const question = text.indexOf('?');
  const base = question < 0 ? text : text.slice(0, question);
  const parameters = parseParameters(text, question < 0 ? '' : text.slice(question + 1));
  if (base === '' || base === 'auto') return { kind: 'auto', parameters };
  if (base === 'local' || base === 'local://') return { kind: 'local', parameters };
  if (base === 'daemon') return { kind: 'daemon', parameters };
  const separator = base.indexOf('://');
  if (separator < 0) {
    if (base.includes('/')) return { kind: 'local', root: decode(text, base), parameters };
    throw new FerryError('usage', `"${text}" is not a store`, {
      hint: /^[\w.-]+@?[\w.-]*$/.test(base)
        ? `a machine is written ssh://${base}, a directory ./${base}`
        : 'a store is a URI such as ssh://host, or a directory',
    });
  }
  const scheme = base.slice(0, separator);
  const rest = base.slice(separator + '://'.length);
  switch (scheme) {
    case 'local':
      return { kind: 'local', root: decode(text, rest), parameters };
    case 'unix':
      return { kind: 'daemon', ...(rest === '' ? {} : { socket: decode(text, rest) }), parameters };
    case 'ssh':
    case 'ssh-ng':
      return { kind: scheme, ...parseAuthority(text, rest), parameters };
    case 'file':
    case 'bundle':
      return { kind: scheme, path: decode(text, rest), parameters };
    case 'http':
    case 'https':
    case 's3': {
      const slash = rest.indexOf('/');
      const authority = slash < 0 ? rest : rest.slice(0, slash);
      if (authority === '') throw new FerryError('usage', `"${scheme}://…" names no host`);
      return { kind: scheme, authority, path: slash < 0 ? '' : rest.slice(slash), parameters };
    }
    default:
      throw new FerryError(
        'usage',
        `"${uriWithoutSecrets(text)}" is not a store: unknown scheme "${scheme}"`,
        {
          hint: 'the schemes are local, unix, ssh, ssh-ng, file, bundle, http, https and s3',
        },
      );
  }
}

/** `[user@]host[:port]`, the host possibly an IPv6 address, in brackets or (as Nix allows) without. */
export function parseAuthority(
  text: string,
  authority: string,
): { user?: string; host: string; port?: number } {
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? undefined : decode(text, authority.slice(0, at));
  const hostPort = authority.slice(at + 1).replace(/\/$/, '');
  const bracketed = /^\[([0-9a-fA-F:.%\w]+)\](?::(\d+))?$/.exec(hostPort);
  const plain = /^([^:[\]/]+)(?::(\d+))?$/.exec(hostPort);
  const bare = /^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/.exec(hostPort);
  const match = bracketed ?? plain ?? bare;
  const host = match?.[1] === undefined ? '' : decode(text, match[1]);
  if (host === '' || host.startsWith('-') || user === '' || user?.startsWith('-') === true) {
    throw new FerryError(
      'usage',
      `"${text}" does not name a host: "${authority}" is not [user@]host[:port]`,
    );
  }
  const port = match?.[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && (port === 0 || port > 65535)) {
    throw new FerryError('usage', `"${text}" names port ${port}, which can't be`);
  }
  return { ...(user === undefined ? {} : { user }), host, ...(port === undefined ? {} : { port }) };
}

function parseParameters(text: string, query: string): Parameters {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (equals <= 0) {
      // A password with a question mark in it ends up here.
      const shown = pair.includes('@') ? '…' : pair;
      const uri = uriWithoutSecrets(text);
      throw new FerryError('usage', `"${uri}" has a parameter "${shown}" that is not NAME=VALUE`);
    }
    parameters.set(decode(text, pair.slice(0, equals)), decode(text, pair.slice(equals + 1)));
  }
  return parameters;
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new FerryError(
      'usage',
      `"${uriWithoutSecrets(text)}" has a malformed percent escape in "${part}"`,
    );
  }
}

/** A parameter that says yes or no. @throws FerryError `usage` */
export function booleanParameter(parameters: Parameters, name: string): boolean | undefined {
  const value = parameters.get(name);
  if (value === undefined) return undefined;
  if (/^(true|yes|1)$/.test(value)) return true;
  if (/^(false|no|0)$/.test(value)) return false;
  throw new FerryError('usage', `store parameter ${name}="${value}" is neither true nor false`);
}

/** A parameter that is a whole number. @throws FerryError `usage` */
export function numberParameter(parameters: Parameters, name: string): number | undefined {
  const value = parameters.get(name);
  if (value === undefined) return undefined;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new FerryError('usage', `store parameter ${name}="${value}" is not a whole number`);
}
