import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sampleNar } from '../../../test/conformance/nars.ts';
import { NarDecoder } from './decoder.ts';
import { MentionFinder } from './mentions.ts';
import { HashPartRewriter } from './rewrite-hash-parts.ts';

const A = 'a'.repeat(31) + '1';
const B = 'b'.repeat(31) + '2';
const C = 'c'.repeat(31) + '3';

function rewritten(pieces: readonly string[], replacements: Record<string, string>): string {
  const rewriter = new HashPartRewriter(new Map(Object.entries(replacements)));
  const parts = pieces.map((piece) => Buffer.from(rewriter.update(Buffer.from(piece, 'latin1'))));
  return Buffer.concat([...parts, Buffer.from(rewriter.finish())]).toString('latin1');
}

test('hash parts are replaced wherever they stand, all at once', () => {
  const text = `${A}x${B} /nix/store/${A}-a/${C} ${B}`;
  assert.equal(rewritten([text], { [A]: B, [B]: A }), `${B}x${A} /nix/store/${B}-a/${C} ${A}`);
  assert.equal(rewritten([`1${A}${A}2`], { [A]: C }), `1${C}${C}2`);
  assert.equal(rewritten([A.slice(1)], { [A]: C }), A.slice(1));
  assert.equal(rewritten(['short'], { [A]: C }), 'short');
  assert.equal(rewritten([], { [A]: C }), '');
});

test('the chunking makes no difference', () => {
  const piece = fc.constantFrom(A, B, C, A.slice(3), 'e', '0', 'zz', ' ', 'a');
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 30 }),
      fc.array(fc.nat(400), { maxLength: 8 }),
      (words, cuts) => {
        const text = words.join('');
        const places = [0, ...cuts.filter((cut) => cut < text.length).sort((x, y) => x - y)];
        const pieces = places.map((from, i) => text.slice(from, places[i + 1]));
        const whole = rewritten([text], { [A]: C, [B]: A });
        assert.equal(rewritten(pieces, { [A]: C, [B]: A }), whole);
        assert.equal(rewritten(text.split(''), { [A]: C, [B]: A }), whole);
        assert.equal(whole.length, text.length);
      },
    ),
  );
});

test('what is no hash part is refused', () => {
  assert.throws(() => new HashPartRewriter(new Map([['short', A]])), { code: 'usage' });
  assert.throws(() => new HashPartRewriter(new Map([[A, 'e'.repeat(32)]])), { code: 'usage' });
});

test('chunks stay as they are', () => {
  const chunk = Buffer.from(`..${A}..`.repeat(3));
  const before = chunk.toString();
  new HashPartRewriter(new Map([[A, B]])).update(chunk);
  assert.equal(chunk.toString(), before);
});

function mentionsIn(nar: Uint8Array, size: number, ...wanted: readonly string[]): MentionFinder {
  const finder = new MentionFinder(wanted);
  const decoder = new NarDecoder(finder);
  for (let at = 0; at < nar.length; at += size) decoder.push(nar.subarray(at, at + size));
  decoder.finish();
  return finder;
}

test('the first mention in each file is found, with what stands around it, in any chunking', () => {
  const nar = sampleNar(`${'x'.repeat(100)}/nix/store/${A}-a\n${B}${'y'.repeat(99)}${A}`);
  for (const size of [1, 7, 64, 10_000]) {
    assert.deepEqual(mentionsIn(nar, size, A, B, C).found, [
      {
        hashPart: A,
        file: 'text',
        before: `${'x'.repeat(21)}/nix/store/`,
        after: `-a\n${B.slice(0, 29)}`,
        isLink: false,
        offset: 111,
      },
      {
        hashPart: B,
        file: 'text',
        before: `${A.slice(3)}-a\n`.slice(-32),
        after: 'y'.repeat(32),
        isLink: false,
        offset: 146,
      },
    ]);
  }
});

test('a mention at the very end of a file is found', () => {
  const [mention] = mentionsIn(sampleNar(A), 5, A).found;
  assert.deepEqual([mention?.before, mention?.after], ['', '']);
});
