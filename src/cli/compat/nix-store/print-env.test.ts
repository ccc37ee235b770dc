import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { fromByteString, type ByteString } from '../../../bytes/byte-string.ts';
import type { Derivation } from '../../../format/derivation.ts';
import { environmentOf } from './print-env.ts';

function derivation(env: Readonly<Record<string, string>>, args: readonly string[]): Derivation {
  return {
    outputs: new Map(),
    inputDrvs: new Map(),
    inputSrcs: [],
    platform: '' as ByteString,
    builder: '' as ByteString,
    args: args as ByteString[],
    env: new Map(Object.entries(env) as [ByteString, ByteString][]),
  };
}

test('variables by name, an empty line after each, the arguments last', () => {
  assert.equal(
    environmentOf(derivation({ b: "it's", A: '', __json: '{}' }, ['-c', 'echo  two'])),
    "export A; A=''\n\nexport b; b='it'\\''s'\n\nexport _args; _args='-c echo  two'\n",
  );
});

test('a shell reads back what the values were', () => {
  // A shell knows no zeros; bytes that are no text go through.
  const character = fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code));
  const value = fc.string({ unit: character, maxLength: 40 });
  const samples = fc.sample(fc.tuple(value, value), { numRuns: 20, seed: 34 });
  for (const [first, second] of samples) {
    const script = environmentOf(derivation({ first, second }, [second, first]));
    const show = 'printf "%s\\377%s\\377%s" "$first" "$second" "$_args"\n';
    const bytes = Buffer.concat([fromByteString(script), Buffer.from(show, 'latin1')]);
    const read = execFileSync('/bin/sh', [], { input: bytes, env: { LC_ALL: 'C' } });
    assert.equal(read.toString('latin1'), [first, second, `${second} ${first}`].join('\u00ff'));
  }
});
