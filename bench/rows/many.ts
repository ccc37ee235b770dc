/** One closure to several machines: what reading it once is worth. */
import type { ManyRow } from '../many-row.ts';

const FAR_ENDS = 4;

export const manyRows: readonly ManyRow[] = [
  {
    name: 'four-in-turn',
    what: 'big closure, to 4 x ssh:// in turn',
    set: 'debian',
    farEnds: FAR_ENDS,
    isAtOnce: false,
    roundsMax: 1,
    bar: { ratioMax: 0.9 },
  },
  {
    name: 'four-at-once',
    what: 'big closure, to 4 x ssh:// at once',
    set: 'debian',
    farEnds: FAR_ENDS,
    isAtOnce: true,
    roundsMax: 1,
    bar: { ratioMax: 0.9, peakBytesMax: 300_000_000 },
    beside: { row: 'four-in-turn', ratioMax: 0.8 },
  },
];
