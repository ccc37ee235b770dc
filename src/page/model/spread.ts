/**
 * Things in a row that want to be somewhere and must not overlap: each is put as near to its wish as the others allow,
 * by the sum of squares, keeping their order. (Isotonic regression, by pooling adjacent violators.)
 */

/** @param halves Half of the room that each takes. @returns Where the middle of each is. */
export function spread(wanted: readonly number[], halves: readonly number[]): number[] {
  // Without their widths all that remains to hold is the order.
  const shifts: number[] = [];
  let shift = 0;
  for (const [i, half] of halves.entries()) {
    shift += i === 0 ? 0 : half;
    shifts.push(shift);
    shift += half;
  }
  const pools: { mean: number; size: number }[] = [];
  for (const [i, wish] of wanted.entries()) {
    let pool = { mean: wish - (shifts[i] ?? 0), size: 1 };
    for (
      let before = pools.at(-1);
      before !== undefined && before.mean > pool.mean;
      before = pools.at(-1)
    ) {
      pools.pop();
      const size = before.size + pool.size;
      pool = { mean: (before.mean * before.size + pool.mean * pool.size) / size, size };
    }
    pools.push(pool);
  }
  const places: number[] = [];
  for (const { mean, size } of pools) {
    for (let i = 0; i < size; i++) places.push(mean + (shifts[places.length] ?? 0));
  }
  return places;
}
