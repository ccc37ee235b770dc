/**
 * The variables of this process as the bytes that they are, for a program that is to find them unchanged. Node decodes
 * them as UTF-8 and replaces what is none; on Linux the kernel tells what they were.
 */
import { readFileSync } from 'node:fs';
import {
  fromByteString,
  toByteString,
  utf8ByteString,
  type ByteString,
} from '../bytes/byte-string.ts';
import type { Environment } from './environment.ts';

const REPLACEMENT = '\ufffd';

/** @param readRaw what `/proc/self/environ` has: what the process was started with */
export function rawVariablesOf(
  { variables }: Pick<Environment, 'variables'>,
  readRaw: () => Uint8Array | undefined = readProcess,
): Map<ByteString, ByteString> {
  const given = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const isDamaged = given.some(([name, value]) => `${name}${value}`.includes(REPLACEMENT));
  const originals = isDamaged ? originalsOf(readRaw()) : new Map<string, ByteString>();
  return new Map(
    given.map(([name, value]) => {
      const original = originals.get(`${name}=${value}`) ?? utf8ByteString(`${name}=${value}`);
      // A name may begin with "=", and is never empty.
      const at = original.indexOf('=', 1);
      return [original.slice(0, at) as ByteString, original.slice(at + 1) as ByteString];
    }),
  );
}

/** By what Node makes of them. */
function originalsOf(raw: Uint8Array | undefined): Map<string, ByteString> {
  if (raw === undefined) return new Map();
  const entries = toByteString(raw).split('\0') as ByteString[];
  return new Map(
    entries.map((entry) => [Buffer.from(fromByteString(entry)).toString('utf8'), entry]),
  );
}

function readProcess(): Uint8Array | undefined {
  try {
    return readFileSync('/proc/self/environ');
  } catch {
    // Not every system has it.
    return undefined;
  }
}
