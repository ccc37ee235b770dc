/** Into and out of a binary cache in memory: what packing, compressing and hashing cost, and undoing it. */
import type { Row } from '../row.ts';

const ZSTD = { cache: 'file', compression: 'zstd' } as const;
const XZ = { cache: 'file', compression: 'xz' } as const;

export const cacheRows: readonly Row[] = [
  {
    name: 'to-file-zstd',
    what: 'big closure, to file://, zstd',
    set: 'debian',
    from: 'local',
    to: ZSTD,
    bar: { ratioMax: 0.95 },
  },
  {
    name: 'from-file-zstd',
    what: 'big closure, from file://, zstd',
    set: 'debian',
    from: ZSTD,
    to: 'local',
    bar: { ratioMax: 0.8 },
  },
  {
    name: 'from-file-xz',
    what: 'big closure, from file://, xz',
    set: 'debian',
    from: XZ,
    to: 'local',
    bar: { ratioMax: 0.8 },
  },
  {
    name: 'to-file-xz',
    what: 'big closure, to file://, xz',
    set: 'debian',
    from: 'local',
    to: XZ,
    roundsMax: 1,
    bar: { ratioMax: 0.6 },
  },
];
