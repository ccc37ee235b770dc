/** Takes a JSON document apart that somebody else wrote: each piece must be what it should be, or it is said which isn't. */
import { FerryError } from '../../../error.ts';
import { ownProperty } from './attribute-path.ts';

export interface Reading {
  /** How messages call the document. */
  readonly name: string;
  readonly warn: (text: string) => void;
}

export function entry(value: object, key: string): unknown {
  return ownProperty(value, key);
}

/** @param at the path to it. @throws FerryError `corrupt` */
export function record(reading: Reading, value: unknown, at: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw isNo(reading, at, 'an object', value);
}

/** Nothing is as good as an empty one: Terraform leaves out what is empty. @throws FerryError `corrupt` */
export function list(reading: Reading, value: unknown, at: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw isNo(reading, at, 'a list', value);
}

/** @throws FerryError `corrupt` */
export function outputsOf(reading: Reading, value: unknown, at: string): Map<string, unknown> {
  const outputs = new Map<string, unknown>();
  for (const [name, output] of Object.entries(record(reading, value ?? {}, at))) {
    const shown = /^[\w-]{1,100}$/.test(name) ? name : JSON.stringify(name.slice(0, 100));
    outputs.set(name, entry(record(reading, output, `${at}.${shown}`), 'value'));
  }
  return outputs;
}

/** A name as Terraform has them, which goes into messages. @throws FerryError `corrupt` */
export function identifier(reading: Reading, value: unknown, at: string): string {
  if (typeof value === 'string' && /^[\p{L}_][\p{L}\p{M}\p{N}_-]{0,254}$/u.test(value))
    return value;
  throw isNo(reading, at, 'a name', value);
}

/** The path to a module: `module.a["b"].module.c[0]`. @throws FerryError `corrupt` */
export function moduleAddress(reading: Reading, value: unknown, at: string): string {
  if (value === undefined) return '';
  if (typeof value === 'string' && value.length <= 10_000 && !/\p{Cc}/u.test(value)) return value;
  throw isNo(reading, at, 'the address of a module', value);
}

/** @throws FerryError `corrupt` */
export function instanceIndex(
  reading: Reading,
  value: unknown,
  at: string,
): string | number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === 'string' && value.length <= 1000) return value;
  throw isNo(reading, at, 'an index', value);
}

/** `aws_instance.web["a"]` */
export function resourceAddress(
  module: string,
  type: string,
  name: string,
  index: string | number | undefined,
): string {
  const of = module === '' ? '' : `${module}.`;
  const which =
    index === undefined ? '' : `[${typeof index === 'number' ? index : JSON.stringify(index)}]`;
  return `${of}${type}.${name}${which}`;
}

function isNo({ name }: Reading, at: string, wanted: string, value: unknown): FerryError {
  const what = value === undefined || value === null ? 'is missing' : `is not ${wanted}`;
  return new FerryError('corrupt', `cannot read "${name}": ${at} ${what}`);
}
