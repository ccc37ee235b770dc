/**
 * Structured attributes: what a derivation says as JSON (`__json`), and the two files that its builder, or shell, finds
 * it in: `.attrs.json`, and `.attrs.sh` for bash, byte for byte as Nix writes them. (Nix manual, "Advanced Attributes",
 * `__structuredAttrs`.)
 */
import { fromByteString, utf8ByteString, type ByteString } from '../bytes/byte-string.ts';
import { FerryError, messageOf } from '../error.ts';
import { outputPlaceholder } from '../format/placeholder.ts';
import { isVariableName, quoteForBash } from './bash-words.ts';

/** Whole numbers are bigints, and all others numbers: 2.0 is none of the former. Objects have no prototype to mind. */
export type AttributeValue =
  | string
  | bigint
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | AttributeObject;

export interface AttributeObject {
  readonly [name: string]: AttributeValue;
}

/** The variable of a derivation that has them. */
export const structuredVariable: ByteString = '__json' as ByteString;

/** How deep arrays and objects may lie in each other. */
const DEPTH_MAX = 1000;
const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);
/** What a number that no 32 bits hold becomes on the machines that Nix is built for most. */
const INT32_NONE = -(2 ** 31);

/** @throws FerryError `corrupt` */
export function parseStructuredAttributes(encoded: ByteString): AttributeObject {
  const fail = (why: string, cause?: unknown): FerryError =>
    new FerryError('corrupt', `cannot read the structured attributes: ${why}`, { cause });
  if (depthOf(encoded) > DEPTH_MAX) throw fail(`they are more than ${DEPTH_MAX} levels deep`);
  let value: unknown;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    value = JSON.parse(decoder.decode(fromByteString(encoded)), reviveNumber);
  } catch (cause) {
    throw fail(messageOf(cause), cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fail('they are no object');
  }
  // JSON has no other values.
  return value as AttributeObject;
}

/** Counted before anything is parsed, since parsing what is too deep is what must not be tried. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isQuoted = false;
  for (let at = 0; at < json.length; at++) {
    const character = json.charAt(at);
    if (isQuoted && character === '\\') at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    else if (character === ']' || character === '}') depth--;
  }
  return deepest;
}

/** Its text tells what JavaScript forgets: whether a number is whole, and the digits past 2^53. */
function reviveNumber(key: string, value: unknown, context?: { source?: string }): unknown {
  if (!key.isWellFormed()) throw new SyntaxError('a name has half of a surrogate pair');
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw new SyntaxError('a text has half of a surrogate pair');
  }
  if (typeof value !== 'number') return value;
  const source = context?.source ?? String(value);
  if (/^-?\d+$/.test(source)) {
    const whole = BigInt(source);
    if (whole >= INT64_MIN && whole <= UINT64_MAX) return whole;
  }
  if (!Number.isFinite(value)) throw new SyntaxError(`the number ${source} is too large`);
  return value;
}

/** What Nix adds for a builder: the paths of outputs, still as placeholders, and the graphs that were asked for. */
export function completeAttributes(
  attributes: AttributeObject,
  outputNames: Iterable<string>,
  graphs: ReadonlyMap<string, AttributeValue> = new Map(),
): AttributeObject {
  const outputs = Array.from(outputNames, (name) => [name, outputPlaceholder(name)] as const);
  return Object.fromEntries([
    ...Object.entries(attributes),
    ['outputs', Object.fromEntries(outputs)] as const,
    ...graphs,
  ]);
}

/** The text of `.attrs.json`. */
export function formatAttributesJson(attributes: AttributeObject): ByteString {
  return utf8ByteString(jsonOf(attributes));
}

function jsonOf(value: AttributeValue): string {
  if (typeof value === 'number') return formatFraction(value);
  if (typeof value === 'bigint') return String(value);
  if (isList(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const entries = sortedEntries(value);
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${jsonOf(one)}`).join(',')}}`;
}

/** The text of `.attrs.sh`: what bash has no variable for is left out. */
export function formatAttributesShell(attributes: AttributeObject): ByteString {
  const lines = sortedEntries(attributes).map(([name, value]) => {
    if (!isVariableName(name)) return '';
    const simple = simpleWord(value);
    if (simple !== undefined) return `declare ${name}=${simple}\n`;
    if (isList(value)) {
      const words = allOrNone(value.map(simpleWord));
      return words === undefined ? '' : `declare -a ${name}=(${words.map(spaced).join('')})\n`;
    }
    if (!isObject(value)) return '';
    const pairs = sortedEntries(value).map(([key, one]) => {
      const word = simpleWord(one);
      return word === undefined ? undefined : `[${quoteText(key)}]=${word}`;
    });
    const words = allOrNone(pairs);
    return words === undefined ? '' : `declare -A ${name}=(${words.map(spaced).join('')})\n`;
  });
  return lines.join('') as ByteString;
}

/** Undefined for what isn't one word: lists and objects, and numbers that aren't whole. */
function simpleWord(value: AttributeValue): string | undefined {
  if (value === null) return "''";
  if (typeof value === 'string') return quoteText(value);
  if (typeof value === 'boolean') return value ? '1' : '';
  if (typeof value === 'bigint') return String(BigInt.asIntN(32, value));
  return typeof value === 'number' ? wholeWord(value) : undefined;
}

/** Nix looks whether it is whole in single precision, and prints it as an integer of 32 bits. */
function wholeWord(value: number): string | undefined {
  const single = Math.fround(value);
  if (Math.ceil(single) !== single) return undefined;
  const whole = Math.trunc(value);
  return String(whole >= INT32_NONE && whole < -INT32_NONE ? whole : INT32_NONE);
}

/** The fewest digits that give the number back, laid out as the library that Nix uses for JSON does it. */
function formatFraction(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const sign = value < 0 ? '-' : '';
  const [mantissa = '', power = ''] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(power) + 1;
  if (point > 0 && point <= 15) {
    const whole = digits.slice(0, point).padEnd(point, '0');
    return `${sign}${whole}.${digits.slice(point) || '0'}`;
  }
  if (point > -4 && point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  const rest = digits.length > 1 ? `.${digits.slice(1)}` : '';
  const exponent = String(Math.abs(point - 1)).padStart(2, '0');
  return `${sign}${digits.charAt(0)}${rest}e${point > 0 ? '+' : '-'}${exponent}`;
}

function quoteText(text: string): string {
  return quoteForBash(utf8ByteString(text));
}

function spaced(word: string): string {
  return `${word} `;
}

function allOrNone(words: readonly (string | undefined)[]): string[] | undefined {
  const some = words.filter((word) => word !== undefined);
  return some.length === words.length ? some : undefined;
}

/** By the bytes of their names, as a map of C++ has them. */
function sortedEntries(object: AttributeObject): (readonly [string, AttributeValue])[] {
  return Object.entries(object)
    .map(([key, value]) => [utf8ByteString(key), key, value] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, key, value]) => [key, value] as const);
}

export function isList(value: AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

export function isObject(value: AttributeValue): value is AttributeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
