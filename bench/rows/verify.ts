/** What it costs to read a whole store: to check it, and to let its equal files share their contents. */
import type { CommandRow } from '../command-row.ts';
import { runOk } from '../../test/support/run.ts';

const TIMEOUT_MS = 15 * 60_000;

export const verifyRows: readonly CommandRow[] = [
  {
    name: 'verify',
    what: 'big closure, --verify --check-contents',
    set: 'debian',
    bar: { ratioMax: 0.7 },
    command: ({ program }, tool) => [program(tool, 'nix-store'), '--verify', '--check-contents'],
  },
  {
    name: 'optimise',
    what: 'big closure, --optimise',
    set: 'debian',
    bar: { ratioMax: 1 },
    command: ({ program, destination }, tool) => [
      program(tool, 'nix-store'),
      '--optimise',
      '--store',
      destination.storeUri,
    ],
    // Each run has a store that isn't optimised yet.
    async prepare({ source, destination, empty }) {
      empty();
      await runOk('cp', ['--archive', '--', source.root, destination.root], {
        timeoutMs: TIMEOUT_MS,
      });
    },
  },
];
