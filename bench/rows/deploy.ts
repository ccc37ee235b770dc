/** A closure made live on machines: on one, and on eight with links as fast as that one's. */
import type { DeployRow } from '../deploy-row.ts';

const RATE = '50mbit';
const CLOSURE_BYTES = 40_000_000;

export const deployRows: readonly DeployRow[] = [
  {
    name: 'deploy-1',
    what: 'deploy 40 MB to 1 host, 50 Mbit/s',
    hostCount: 1,
    rate: RATE,
    closureBytes: CLOSURE_BYTES,
    bar: { ratioMax: 1.2 },
  },
  {
    name: 'deploy-8',
    what: 'deploy 40 MB to 8 hosts, 50 Mbit/s each',
    hostCount: 8,
    rate: RATE,
    closureBytes: CLOSURE_BYTES,
    bar: { ratioMax: 1 },
    beside: { row: 'deploy-1', ratioMax: 2 },
  },
];
