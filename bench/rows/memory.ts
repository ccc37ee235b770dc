/** Sizes that memory must not grow with: the number of paths, and the size of a file. */
import type { Row } from '../row.ts';

/** Node itself takes some 50 MB before it has done anything. */
const BAR = { peakBytesMax: 200_000_000 } as const;

export const memoryRows: readonly Row[] = [
  {
    name: 'many-local',
    what: '10,000 tiny paths, local to local',
    set: 'tiny-10000',
    from: 'local',
    to: 'local',
    bar: BAR,
  },
  {
    name: 'many-to-ssh',
    what: '10,000 tiny paths, to ssh://',
    set: 'tiny-10000',
    from: 'local',
    to: 'ssh',
    bar: BAR,
  },
  {
    name: 'huge-local',
    what: 'a file of 4 GiB, local to local',
    set: 'big-file',
    from: 'local',
    to: 'local',
    bar: BAR,
  },
  {
    name: 'huge-to-ssh',
    what: 'a file of 4 GiB, to ssh://',
    set: 'big-file',
    from: 'local',
    to: 'ssh',
    bar: BAR,
  },
  {
    name: 'huge-from-ssh',
    what: 'a file of 4 GiB, from ssh://',
    set: 'big-file',
    from: 'ssh',
    to: 'local',
    bar: BAR,
  },
];
