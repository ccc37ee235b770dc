/**
 * JSON as Nix reads and writes it, where plain `JSON.parse` and `JSON.stringify` differ: members are in byte order of
 * their names, whatever these are, whole numbers of 64 bits stay what they are, and fractions are written as the library
 * does that Nix uses (`1.0`, `1e+100`).
 */
import { FerryError } from '../error.ts';

/** A `bigint` is a whole number, a `number` any other. */
export type Json =
  | null
  | boolean
  | string
  | bigint
  | number
  | readonly Json[]
  | ReadonlyMap<string, Json>;

/** Arrays and objects within each other that are read and written. */
const DEPTH_MAX = 1000;

/**
 * Of members with the same name the last one counts, as for Nix.
 * @throws FerryError `corrupt` for what is no JSON, has half a surrogate pair or too much within each other
 */
export function parseJson(text: string): Json {
  let value: Json;
  try {
    requireShallow(text);
    value = JSON.parse(text, revive) as Json;
  } catch (cause) {
    if (cause instanceof FerryError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FerryError('corrupt', `cannot read JSON: ${why}`, { cause });
  }
  return value;
}

/** Before it is parsed: what is a thousand levels deep would be too much for the stack. */
function requireShallow(text: string): void {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isString = !isString;
    else if (isString && code === BACKSLASH) at++;
    else if (isString) continue;
    else if (code === OPEN_LIST || code === OPEN_MAP) depth++;
    else if (code === CLOSE_LIST || code === CLOSE_MAP) depth--;
    if (depth > DEPTH_MAX) {
      throw new FerryError('corrupt', `cannot read JSON: it is more than ${DEPTH_MAX} levels deep`);
    }
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;

function revive(this: unknown, _key: string, value: unknown, context?: { source?: string }): Json {
  if (typeof value === 'number') return numberOf(context?.source ?? String(value), value);
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value as Json;
  // Its members have been through here already.
  return new Map(Object.entries(value).map(([name, member]) => [wellFormed(name), member as Json]));
}

function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw new FerryError('corrupt', 'cannot read JSON: half of a surrogate pair');
}

function numberOf(source: string, value: number): bigint | number {
  if (!/^-?\d+$/.test(source)) return value;
  // What doesn't fit into 64 bits is a fraction to Nix; a text of many digits needn't be counted to know that.
  if (source.length > 20) return value;
  const whole = BigInt(source);
  return whole > 0xffff_ffff_ffff_ffffn || whole < -0x8000_0000_0000_0000n ? value : whole;
}

export interface FormatJsonOptions {
  /** Two blanks for each level; without it all is on one line. */
  readonly pretty?: boolean | undefined;
  /** Members in the order of the maps; by default in byte order of their names. */
  readonly asOrdered?: boolean | undefined;
}

/** @throws FerryError `unsupported` where too much is within each other */
export function formatJson(value: Json, options: FormatJsonOptions = {}): string {
  const { pretty = false, asOrdered = false } = options;
  const colon = pretty ? ': ' : ':';
  const write = (item: Json, depth: number): string => {
    if (depth > DEPTH_MAX) {
      throw new FerryError('unsupported', `cannot write JSON more than ${DEPTH_MAX} levels deep`);
    }
    if (item === null || typeof item === 'boolean') return String(item);
    if (typeof item === 'string') return JSON.stringify(item);
    if (typeof item === 'bigint') return String(item);
    if (typeof item === 'number') return formatFraction(item);
    const isMap = item instanceof Map;
    const inner = isMap
      ? ordered(item as ReadonlyMap<string, Json>, asOrdered).map(
          ([name, member]) => `${JSON.stringify(name)}${colon}${write(member, depth + 1)}`,
        )
      : (item as readonly Json[]).map((each) => write(each, depth + 1));
    const [open, close] = isMap ? '{}' : '[]';
    if (inner.length === 0) return `${open}${close}`;
    if (!pretty) return `${open}${inner.join(',')}${close}`;
    const indent = '  '.repeat(depth + 1);
    return `${open}\n${indent}${inner.join(`,\n${indent}`)}\n${'  '.repeat(depth)}${close}`;
  };
  return write(value, 0);
}

function ordered(map: ReadonlyMap<string, Json>, asOrdered: boolean): (readonly [string, Json])[] {
  const members = [...map];
  return asOrdered ? members : members.sort(([a], [b]) => compareBytes(a, b));
}

/** By UTF-8, which is the order of code points: that of UTF-16 differs where there are surrogates. */
function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  return SURROGATE.test(a) || SURROGATE.test(b)
    ? Buffer.compare(Buffer.from(a), Buffer.from(b))
    : a < b
      ? -1
      : 1;
}

const SURROGATE = /[\ud800-\udfff]/;

/**
 * The shortest digits that give the same number. Between 1e-5 and 1e15 in full, with at least one digit behind the
 * point; else with an exponent of at least two digits and its sign.
 */
export function formatFraction(value: number): string {
  if (!Number.isFinite(value)) return 'null';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const sign = value < 0 ? '-' : '';
  const [mantissa = '', exponentText = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(exponentText);
  // Where the decimal point is, counted from before the first digit.
  const point = exponent + 1;
  if (digits.length <= point && point <= 15) {
    return `${sign}${digits.padEnd(point, '0')}.0`;
  }
  if (point > 0 && point <= 15) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (point > -4 && point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const rest = digits.length > 1 ? `.${digits.slice(1)}` : '';
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${sign}${digits.slice(0, 1)}${rest}e${exponent < 0 ? '-' : '+'}${size}`;
}
