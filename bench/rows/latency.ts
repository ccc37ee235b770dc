/** A thousand tiny paths over a link with round trips of 50 ms: what is counted is round trips. Nix takes two minutes. */
import type { Row } from '../row.ts';

const DELAY_MS = 25;

export const latencyRows: readonly Row[] = [
  {
    name: 'tiny-to-ssh',
    what: '1,000 tiny paths, 50 ms, to ssh://',
    set: 'tiny-1000',
    from: 'local',
    to: 'ssh',
    delayMs: DELAY_MS,
    roundsMax: 1,
    bar: { secondsMax: 2 },
  },
  {
    name: 'tiny-from-ssh',
    what: '1,000 tiny paths, 50 ms, from ssh://',
    set: 'tiny-1000',
    from: 'ssh',
    to: 'local',
    delayMs: DELAY_MS,
    roundsMax: 1,
    bar: { secondsMax: 2 },
  },
  {
    name: 'tiny-to-ssh-ng',
    what: '1,000 tiny paths, 50 ms, to ssh-ng://',
    set: 'tiny-1000',
    from: 'local',
    to: 'ssh-ng',
    delayMs: DELAY_MS,
    roundsMax: 1,
    bar: { secondsMax: 2 },
  },
  {
    name: 'tiny-from-ssh-ng',
    what: '1,000 tiny paths, 50 ms, from ssh-ng://',
    set: 'tiny-1000',
    from: 'ssh-ng',
    to: 'local',
    delayMs: DELAY_MS,
    roundsMax: 1,
    bar: { secondsMax: 2 },
  },
  {
    name: 'tiny-from-http',
    what: '1,000 tiny paths, 50 ms, from http://',
    set: 'tiny-1000',
    from: { cache: 'http', compression: 'zstd' },
    to: 'local',
    delayMs: DELAY_MS,
    roundsMax: 1,
    bar: { secondsMax: 3 },
  },
  {
    name: 'chain-from-http',
    what: 'a chain of 300, 50 ms, from http://',
    set: 'chain-300',
    from: { cache: 'http', compression: 'zstd' },
    to: 'local',
    delayMs: DELAY_MS,
    roundsMax: 1,
    bar: { ratioMax: 1 },
  },
];
