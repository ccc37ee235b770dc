/**
 * Where a host is reached, in parts: from a URI and to one. All of it becomes part of ssh's command line, so what ssh
 * could take for something else is refused, whoever wrote it.
 */
import { isIPv6 } from 'node:net';
import { parseStoreUri } from '../../config/store-uri.ts';
import { FerryError } from '../../error.ts';

export interface HostPlace {
  readonly protocol: 'ssh' | 'ssh-ng';
  readonly user: string | undefined;
  /** Without brackets. */
  readonly address: string;
  readonly port: number | undefined;
  /** Of the URI: `ssh-key`, `remote-store` and so on. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Blanks and control characters (ssh's words), and what would end the part of a URI. */
const UNFIT = /[\s\p{Cc}\p{Cf}/?#@[\]\\"'`$;&|<>(){}*]/u;
const WORD_MAX = 255;

/** Why it can't be the name or address of a machine; undefined where it can. */
export function addressFault(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > WORD_MAX) return 'is too long';
  if (text.startsWith('-')) return 'begins with "-"';
  if (UNFIT.test(text)) return 'has a blank or another character that no address has';
  if (/[:%]/.test(text) && !isIPv6(text))
    return 'is no IPv6 address, and has a colon or percent sign';
  return undefined;
}

/** The same of a user. */
export function userFault(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.length > WORD_MAX) return 'is too long';
  if (text.startsWith('-')) return 'begins with "-"';
  // Windows domains have a backslash, some clouds a plus or an at sign.
  if (UNFIT.test(text.replaceAll(/[\\@]/g, ''))) {
    return 'has a blank or another character that no user has';
  }
  return undefined;
}

/** Whether a word of the command line is a URI, and not a name. */
export function isHostUri(word: string): boolean {
  return word.includes('://');
}

/** @throws FerryError `usage` for what is no URI of a machine behind ssh. */
export function parseHostUri(text: string): HostPlace {
  const uri = parseStoreUri(text);
  if (uri.kind !== 'ssh' && uri.kind !== 'ssh-ng') {
    throw new FerryError('usage', `"${uri.kind}" is no kind of store that a host has: "${text}"`, {
      hint: 'hosts are reached by ssh: ssh://[user@]host[:port]',
    });
  }
  const { kind, host, user, port, parameters } = uri;
  const fault = addressFault(host) ?? (user === undefined ? undefined : userFault(user));
  if (fault !== undefined) {
    throw new FerryError('usage', `"${text}" names no host that ssh could reach: a part ${fault}`);
  }
  return { protocol: kind, user, address: host, port, parameters };
}

export function formatHostUri({ protocol, user, address, port, parameters }: HostPlace): string {
  const host = address.includes(':')
    ? `[${address.replaceAll('%', '%25')}]`
    : encodeURIComponent(address);
  const query = [...parameters].map(([name, value]) => `${name}=${encodeParameter(value)}`);
  return [
    `${protocol}://`,
    user === undefined ? '' : `${encodeURIComponent(user)}@`,
    host,
    port === undefined ? '' : `:${port}`,
    query.length === 0 ? '' : `?${query.join('&')}`,
  ].join('');
}

/** Readable where that can't be misread. */
function encodeParameter(value: string): string {
  return encodeURIComponent(value).replaceAll(/%(?:2F|3A|2C|3D|40)/g, decodeURIComponent);
}

/** Ways to the same store, and not other stores. */
const HOW_PARAMETERS: readonly string[] = [
  'ssh-key',
  'base64-ssh-public-host-key',
  'compress',
  'max-connections',
];

/** Two places for which it is the same are the same store of the same machine, as far as can be known here. */
export function placeKey({ address, port, parameters }: HostPlace): string {
  const names = [...parameters.keys()].filter((name) => !HOW_PARAMETERS.includes(name)).sort();
  const what = names.map((name) => [name, parameters.get(name)]);
  return JSON.stringify([spelledOnce(address), port ?? null, what]);
}

/** IPv6 addresses have many spellings, names two. */
function spelledOnce(address: string): string {
  const isPlain = !isIPv6(address) || address.includes('%');
  return isPlain ? address.toLowerCase() : new URL(`http://[${address}]`).hostname;
}
