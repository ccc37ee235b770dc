/** What a rule finds in the attributes of a resource or the element of an output: the parts of a host. */
import { isIPv4, isIPv6 } from 'node:net';
import type { HostConfig } from '../define-fleet.ts';
import { addressFault, userFault } from '../host-place.ts';
import { tagFrom } from '../names.ts';
import { ownProperty } from './attribute-path.ts';
import type { Rule, RulePath } from './rules.ts';

/** A host whose name may be another one's too. */
export interface Candidate {
  /** What it is called where that is said. */
  readonly wanted: string | undefined;
  /** From short ones to those that nobody else has. */
  readonly otherNames: readonly string[];
  /** Those of one group are named in one way. */
  readonly group: string;
  readonly origin: string;
  readonly config: HostConfig;
}

export const terraformSource = 'Terraform';

const TAGS_MAX = 100;

/** The values that a path names. */
type Read = (path: RulePath) => readonly unknown[];

/** Undefined where it has no address. */
export function configFrom(read: Read, rule: Rule): HostConfig | undefined {
  const address = addressOf(rule.address.map(read));
  if (address === undefined) return undefined;
  const user = rule.user === undefined ? undefined : read(rule.user)[0];
  const port = rule.port === undefined ? undefined : Number(read(rule.port)[0]);
  return {
    address,
    tags: [...new Set(rule.tags.flatMap(read).flatMap(tagsOf))].slice(0, TAGS_MAX),
    ...(typeof user === 'string' && userFault(user) === undefined ? { user } : {}),
    ...(port !== undefined && Number.isInteger(port) && port > 0 && port < 65_536 ? { port } : {}),
  };
}

/** The first word that one of the paths names. */
export function textFrom(read: Read, paths: readonly RulePath[]): string | undefined {
  return paths
    .flatMap(read)
    .find((value): value is string => typeof value === 'string' && value !== '');
}

export function fits(read: Read, { where }: Rule): boolean {
  return where.every(([path, wanted]) =>
    read(path).some((value) => isScalar(value) && String(value) === wanted),
  );
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** Of the first path that has any: an IPv4 address, else a name, else an IPv6 address. */
function addressOf(lists: readonly (readonly unknown[])[]): string | undefined {
  for (const values of lists) {
    // A path may name a list as well as what is in it.
    const texts = values.flat().flatMap((value) => (typeof value === 'string' ? bare(value) : []));
    const usable = texts.filter(isUsable);
    const address =
      usable.find((text) => isIPv4(text)) ?? usable.find((text) => !isIPv6(text)) ?? usable[0];
    if (address !== undefined) return address;
  }
  return undefined;
}

/** Without the length of a network, which some providers add, and without brackets. */
function bare(text: string): string[] {
  const address = text
    .trim()
    .replace(/\/\d{1,3}$/, '')
    .replace(/^\[(.*)\]$/, '$1');
  return address === '' ? [] : [address];
}

/** Of "localhost" ferry takes it that it needs no ssh: what runs there would run here. */
export function isThisMachine(address: string): boolean {
  return /^localhost\.?$/i.test(address);
}

/** Not of the machine itself, nor of one link alone. */
function isUsable(address: string): boolean {
  if (addressFault(address) !== undefined) return false;
  if (isThisMachine(address)) return false;
  if (isIPv4(address)) return !/^(?:127|0|169\.254)\./.test(address);
  return !isIPv6(address) || !/^(?:::1?$|fe[89ab])/i.test(address);
}

/** Of a list its words, of labels `key=value`, or the key where the value says nothing. */
function tagsOf(value: unknown): string[] {
  if (typeof value === 'string') {
    return value.split(/[\s,;]+/).flatMap((word) => tagFrom(word) ?? []);
  }
  if (Array.isArray(value)) {
    return value.flatMap((one: unknown) => (typeof one === 'string' ? (tagFrom(one) ?? []) : []));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const label = ownProperty(value, key);
    // What it is called is its name already.
    if (!isScalar(label) || key === 'Name') return [];
    const isPlain = ['', 'true'].includes(String(label));
    return tagFrom(isPlain ? key : `${key}=${String(label)}`) ?? [];
  });
}
