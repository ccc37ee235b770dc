/** What holds for any codec. */
import assert from 'node:assert/strict';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import type { Codec, WireContext } from '../../src/wire/codec.ts';
import { writeValue } from '../../test/support/codecs.ts';
import { cutRandomly } from '../random.ts';
import { asyncOutcomeOf, type FuzzTarget } from '../target.ts';

export interface CodecUnderTest<T> {
  readonly name: string;
  readonly codec: Codec<T>;
  readonly context: WireContext;
  /** To begin with. */
  readonly value: T;
  readonly dictionary: readonly Uint8Array[];
}

/** Every chunking says the same, and what is accepted is written as something that reads the same. */
export function codecTarget<T>(tested: CodecUnderTest<T>): FuzzTarget {
  const { name, codec, context, value, dictionary } = tested;
  const encode = (read: T): Uint8Array => writeValue(codec, read, context);
  const read = async (pieces: readonly Uint8Array[]): Promise<T> =>
    await codec.read(new ByteReader(streamOf(pieces)), context);
  return {
    name,
    seeds: [encode(value)],
    dictionary,
    check: async (input, random) => {
      const refusals = ['corrupt', 'unsupported', 'protocol'] as const;
      const whole = await asyncOutcomeOf(() => read([input]), refusals);
      const cut = await asyncOutcomeOf(() => read(cutRandomly(input, random)), refusals);
      assert.deepEqual(cut, whole);
      if (whole.value === undefined) return;
      assert.deepEqual(await read([encode(whole.value)]), whole.value);
    },
  };
}

export async function* streamOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
