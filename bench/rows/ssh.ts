/** Over loopback SSH with a plain Nix on the far end. */
import type { Row } from '../row.ts';

export const sshRows: readonly Row[] = [
  {
    name: 'to-ssh',
    what: 'big closure, to ssh://',
    set: 'debian',
    from: 'local',
    to: 'ssh',
    bar: { ratioMax: 0.9 },
  },
  {
    name: 'from-ssh',
    what: 'big closure, from ssh://',
    set: 'debian',
    from: 'ssh',
    to: 'local',
    bar: { ratioMax: 0.9 },
  },
  {
    name: 'to-ssh-ng',
    what: 'big closure, to ssh-ng://',
    set: 'debian',
    from: 'local',
    to: 'ssh-ng',
    bar: { ratioMax: 0.9 },
  },
  {
    name: 'from-ssh-ng',
    what: 'big closure, from ssh-ng://',
    set: 'debian',
    from: 'ssh-ng',
    to: 'local',
    bar: { ratioMax: 0.9 },
  },
  {
    name: 'ssh-nothing',
    what: 'nothing to do, to ssh://',
    set: 'debian',
    from: 'local',
    to: 'ssh',
    isFilled: true,
    bar: { ratioMax: 1 },
  },
];
