/** Makes of a good input one that is a little wrong. */
import type { Random } from './random.ts';

/** Larger mutants are cut: what is wrong with a format shows in small inputs too. */
const SIZE_MAX = 256 * 1024;

/** Numbers at which lengths and counts go wrong. */
const NUMBERS: readonly Uint8Array[] = [
  0n,
  1n,
  7n,
  8n,
  255n,
  256n,
  4095n,
  4096n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
].map((value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
});

type Mutation = (input: Uint8Array, random: Random, pieces: readonly Uint8Array[]) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  // One bit.
  (input, random) => {
    const at = random.integer(input.length);
    return splice(input, at, 1, [(input[at] ?? 0) ^ (1 << random.integer(8))]);
  },
  // One byte.
  (input, random) => splice(input, random.integer(input.length), 1, [random.integer(256)]),
  // A byte more, a stretch less, a stretch again somewhere else.
  (input, random) => splice(input, random.integer(input.length + 1), 0, [random.integer(256)]),
  (input, random) => splice(input, random.integer(input.length), stretch(random), []),
  (input, random) => {
    const from = random.integer(input.length);
    const copy = input.slice(from, from + stretch(random));
    return splice(input, random.integer(input.length + 1), 0, copy);
  },
  // A number in the place of another.
  (input, random) => splice(input, word(input, random), 8, random.pick(NUMBERS)),
  // A word more, or one in the place of another.
  (input, random, pieces) => splice(input, word(input, random), 0, random.pick(pieces)),
  (input, random, pieces) => {
    const piece = random.pick(pieces);
    return splice(input, word(input, random), piece.length, piece);
  },
  // The beginning alone.
  (input, random) => input.slice(0, random.integer(input.length + 1)),
  // The beginning of one and the end of another.
  (input, random, pieces) => {
    const other = random.pick(pieces);
    const end = other.subarray(random.integer(other.length + 1));
    return splice(input, random.integer(input.length + 1), input.length, end);
  },
];

/** `pieces` are other inputs and words of the format; there must be one. */
export function mutate(
  seed: Uint8Array,
  pieces: readonly Uint8Array[],
  random: Random,
): Uint8Array {
  let input = seed;
  for (let left = 1 + random.integer(4); left > 0; left--) {
    input = random.pick(MUTATIONS)(input, random, pieces);
  }
  return input.slice(0, SIZE_MAX);
}

function splice(
  input: Uint8Array,
  at: number,
  removed: number,
  added: ArrayLike<number>,
): Uint8Array {
  const tail = input.subarray(Math.min(input.length, at + removed));
  const result = new Uint8Array(at + added.length + tail.length);
  result.set(input.subarray(0, at));
  result.set(added, at);
  result.set(tail, at + added.length);
  return result;
}

function stretch(random: Random): number {
  return 1 + random.integer(random.pick([4, 32, 256]));
}

/** Where a word of a binary format may begin. */
function word(input: Uint8Array, random: Random): number {
  return 8 * random.integer(Math.floor(input.length / 8) + 1);
}
