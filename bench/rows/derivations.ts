/** What is done with a thousand derivations of all kinds. */
import type { CommandRow } from '../command-row.ts';

export const derivationRows: readonly CommandRow[] = [
  {
    name: 'derivation-show',
    what: 'nix derivation show -r of 1,100',
    set: 'derivations',
    command: ({ set, program }, tool) => [
      program(tool, 'nix'),
      'derivation',
      'show',
      '--recursive',
      set.path,
    ],
    bar: { secondsMax: 1 },
  },
  {
    name: 'derivation-check',
    // Read, written again, their paths and those of their outputs computed anew: Nix has no such command.
    what: 'ferry derivation check -r of 1,100',
    set: 'derivations',
    command: ({ set, program }, tool) =>
      tool === 'nix'
        ? undefined
        : [program(tool, 'ferry'), 'derivation', 'check', '--recursive', set.path],
    bar: { secondsMax: 1 },
  },
];
