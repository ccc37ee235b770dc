/** NARs: every chunking says the same, and what is accepted is written again byte for byte. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { NarDecoder } from '../../src/format/nar/decoder.ts';
import { NarEncoder } from '../../src/format/nar/encoder.ts';
import * as tokens from '../../src/format/nar/tokens.ts';
import { helloNar, richNar, str } from '../../test/vectors/nar/build.ts';
import { hostileNars } from '../../test/vectors/nar/hostile.ts';
import { cutRandomly } from '../random.ts';
import { outcomeOf, type FuzzTarget } from '../target.ts';

const { wordOffset: _, ...all } = tokens;

export const narTarget: FuzzTarget = {
  name: 'nar',
  seeds: [richNar, helloNar, ...hostileNars.map(({ bytes }) => bytes)].filter(
    ({ length }) => length < 64 * 1024,
  ),
  dictionary: [
    ...Object.values(all).map((token) => token.bytes),
    ...['', '.', '..', 'a', '/', 'a\0', '~nix~case~hack~1', '\xff'].map(str),
  ],
  check: (input, random) => {
    const whole = outcomeOf(() => decode([input]));
    const cut = outcomeOf(() => decode(cutRandomly(input, random)));
    assert.deepEqual(cut, whole);
    if (whole.value === undefined) return;
    const archive = input.subarray(0, whole.value.taken);
    assert.equal(whole.value.again, createHash('sha256').update(archive).digest('hex'));
  },
};

function decode(pieces: readonly Uint8Array[]): { taken: number; again: string } {
  const hash = createHash('sha256');
  const encoder = new NarEncoder((chunk) => hash.update(chunk));
  const decoder = new NarDecoder(encoder);
  let taken = 0;
  for (const piece of pieces) taken += decoder.push(piece);
  decoder.finish();
  encoder.end();
  return { taken, again: hash.digest('hex') };
}
