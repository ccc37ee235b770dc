/**
 * A closure made live on machines: on one, and on eight with links as fast as that one's. What stands beside ferry checks
 * nothing beforehand and confirms nothing afterwards, so no bar says how they should compare.
 */
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
    bar: {},
  },
  {
    name: 'deploy-8',
    what: 'deploy 40 MB to 8 hosts, 50 Mbit/s each',
    hostCount: 8,
    rate: RATE,
    closureBytes: CLOSURE_BYTES,
    bar: {},
    beside: { row: 'deploy-1', ratioMax: 2 },
  },
];
