/** Random numbers that a seed repeats: a finding must be found again. */

export interface Random {
  /** 0 up to, not including, 1. */
  readonly number: () => number;
  /** 0 up to, not including, `below`. */
  integer(below: number): number;
  /** One of them. */
  pick<T>(from: readonly T[]): T;
}

/** Tommy Ettinger's mulberry32: small, and good enough to wander with. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(next() * below);
  return {
    number: next,
    integer,
    pick: (from) => {
      const one = from[integer(from.length)];
      if (one === undefined) throw new RangeError('nothing to pick from');
      return one;
    },
  };
}

/** The bytes in pieces of random sizes; some are empty, some single bytes. */
export function cutRandomly(bytes: Uint8Array, random: Random): Uint8Array[] {
  const sizes = random.pick([1, 8, 64, 4096]);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = random.integer(sizes + 1);
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}
