/** Which proxy a URL is asked for by way of: the rules of `http_proxy` and its kin, as curl reads them. */
import { BlockList, isIP } from 'node:net';
import { FerryError } from '../../error.ts';
import { splitCredentials, type Credentials } from './http-url.ts';

/** Texts as the variables have them. */
export interface ProxyRules {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly all?: string | undefined;
  /** Hosts that are asked directly, separated by commas. */
  readonly no?: string | undefined;
}

export interface Proxy {
  readonly kind: 'http' | 'https' | 'socks5';
  readonly host: string;
  readonly port: number;
  readonly credentials?: Credentials | undefined;
  /** For messages. */
  readonly name: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, or the same in capitals. */
export function proxyRulesOf(variables: Variables): ProxyRules {
  const value = (name: string): string | undefined =>
    variables[name] ?? variables[name.toUpperCase()];
  return {
    http: value('http_proxy'),
    https: value('https_proxy'),
    all: value('all_proxy'),
    no: value('no_proxy'),
  };
}

/** @throws FerryError `usage` for a proxy that can't be understood. */
export function proxyOf(url: URL, rules: ProxyRules): Proxy | undefined {
  const own = url.protocol === 'https:' ? rules.https : rules.http;
  const text = (own ?? rules.all ?? '').trim();
  if (text === '' || isDirect(url, rules.no ?? '')) return undefined;
  return parseProxy(text);
}

const PORTS: Readonly<Record<Proxy['kind'], number>> = { http: 80, https: 443, socks5: 1080 };
const KINDS: Readonly<Record<string, Proxy['kind']>> = {
  'http:': 'http',
  'https:': 'https',
  'socks5:': 'socks5',
  'socks5h:': 'socks5',
};

function parseProxy(text: string): Proxy {
  const withScheme = URL.parse(text.includes('://') ? text : `http://${text}`);
  const kind = withScheme === null ? undefined : KINDS[withScheme.protocol];
  if (withScheme === null || kind === undefined || withScheme.hostname === '') {
    throw new FerryError('usage', 'the proxy that the environment names is not understood', {
      hint: 'a proxy is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT',
    });
  }
  const { url, credentials } = splitCredentials(withScheme);
  const port = url.port === '' ? PORTS[kind] : Number(url.port);
  return { kind, host: bareHost(url), port, credentials, name: `${url.hostname}:${port}` };
}

/** The host as sockets want it: an IPv6 address without its brackets. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

function isDirect(url: URL, list: string): boolean {
  const host = bareHost(url).toLowerCase().replace(/\.$/, '');
  return list
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => entry === '*' || matches(entry.toLowerCase(), host, portOf(url)));
}

function matches(entry: string, host: string, port: number): boolean {
  const [network, bits] = entry.split('/');
  if (bits !== undefined) return isInNetwork(host, network ?? '', bits);
  const [, name = '', onPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry) ?? [];
  if (isIP(host) !== 0) return host === name || host === entry.replace(/^\[|\]$/g, '');
  if (onPort !== undefined && Number(onPort) !== port) return false;
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '');
  return domain !== '' && (host === domain || host.endsWith(`.${domain}`));
}

function isInNetwork(host: string, network: string, bits: string): boolean {
  const family = isIP(host) === 6 ? 'ipv6' : 'ipv4';
  const isSame = isIP(host) !== 0 && isIP(host) === isIP(network);
  if (!isSame || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 'ipv6' ? 128 : 32)) {
    return false;
  }
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, family);
}
