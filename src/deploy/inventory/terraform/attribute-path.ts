/**
 * Paths to attributes of a resource, as rules name them: `network_interface.0.access_config.0.nat_ip`,
 * `ipv6_addresses[0]`, `public_ips[*].address`, `network_interface[type=public].ip_address`, `tags["a.b"]`. A list where
 * the path has a name stands for each of its elements.
 */
import { FerryError } from '../../../error.ts';

export type PathStep =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'all' }
  /** Elements of which this attribute has this value. */
  | { readonly kind: 'where'; readonly key: string; readonly value: string };

export type AttributePath = readonly PathStep[];

/** A value with the keys and indices that lead to it. */
export interface Found {
  readonly value: unknown;
  readonly at: readonly (string | number)[];
}

const STEPS_MAX = 32;
/** What one path may name in one resource. */
const FOUND_MAX = 1000;

/** @throws FerryError `usage` */
export function parseAttributePath(text: string): AttributePath {
  const steps: PathStep[] = [];
  const token =
    /\.?([\w-]+)|\[(\d+)\]|\[\*\]|\["((?:[^"\\]|\\.)*)"\]|\[([\w-]+)=([^\]]*)\]|\.(\*)/gy;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    const [whole = '', name, index, quoted, key, value] = match ?? [];
    const isLone = at === 0 ? whole.startsWith('.') : /^[\w-]/.test(whole);
    if (match === null || isLone || steps.length === STEPS_MAX) throw malformed(text);
    if (name !== undefined || index !== undefined) {
      steps.push({ kind: 'key', key: name ?? index ?? '' });
    } else if (quoted !== undefined) {
      steps.push({ kind: 'key', key: quoted.replaceAll(/\\(.)/g, '$1') });
    } else if (key !== undefined) {
      steps.push({ kind: 'where', key, value: value ?? '' });
    } else {
      steps.push({ kind: 'all' });
    }
  }
  if (steps.length === 0) throw malformed(text);
  return steps;
}

function malformed(text: string): FerryError {
  return new FerryError('usage', `"${text}" is no path of attributes`, {
    hint: 'it is written as network_interface[0].access_config[0].nat_ip',
  });
}

/** All that it names, in the order of the document; what isn't there is left out. */
export function valuesAt(root: unknown, path: AttributePath): Found[] {
  let found: Found[] = [{ value: root, at: [] }];
  for (const step of path) {
    const next: Found[] = [];
    for (const one of found) {
      if (next.length >= FOUND_MAX) break;
      next.push(...stepFrom(one, step).slice(0, FOUND_MAX));
    }
    found = next;
  }
  return found.slice(0, FOUND_MAX);
}

function stepFrom(from: Found, step: PathStep): Found[] {
  const { value } = from;
  if (typeof value !== 'object' || value === null) return [];
  switch (step.kind) {
    case 'all':
      return childrenOf(from);
    case 'where':
      return (Array.isArray(value) ? childrenOf(from) : [from]).filter(
        (one) => String(ownProperty(one.value, step.key)) === step.value,
      );
    case 'key': {
      if (!Array.isArray(value)) return childOf(from, step.key);
      if (/^\d+$/.test(step.key)) return childOf(from, Number(step.key));
      return childrenOf(from).flatMap((one) =>
        Array.isArray(one.value) ? [] : childOf(one, step.key),
      );
    }
  }
}

function childrenOf({ value, at }: Found): Found[] {
  if (Array.isArray(value)) {
    return value.slice(0, FOUND_MAX).map((item: unknown, i) => ({ value: item, at: [...at, i] }));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value)
    .slice(0, FOUND_MAX)
    .map(([key, item]: [string, unknown]) => ({ value: item, at: [...at, key] }));
}

function childOf({ value, at }: Found, key: string | number): Found[] {
  const child = ownProperty(value, key);
  return child === undefined ? [] : [{ value: child, at: [...at, key] }];
}

/** Never what every object has. */
export function ownProperty(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}
