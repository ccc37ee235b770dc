/** From one directory to another, both in memory: what packing, hashing, unpacking and registering cost. */
import type { Row } from '../row.ts';

export const localRows: readonly Row[] = [
  {
    name: 'local',
    what: 'big closure, local to local',
    set: 'debian',
    from: 'local',
    to: 'local',
    bar: { ratioMax: 1 },
  },
  {
    name: 'local-nothing',
    what: 'nothing to do, local to local',
    set: 'debian',
    from: 'local',
    to: 'local',
    isFilled: true,
    bar: { ratioMax: 2 },
  },
];
